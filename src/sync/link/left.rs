//! What a pull or a push leaves as it is although it was meant to go, why, and the command that goes on from
//! there.

use crate::refs::{Handle, RefName, Shape};

use super::view::View;

/// A ref that stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// The ref.
    pub name: RefName,
    /// Why it stays.
    pub why: Why,
}

/// Why a ref stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It moved here and at the remote.
    BothMoved,
    /// It was discarded or cleared here, and moved at the remote.
    GoneHere,
    /// It moved here, and was discarded or cleared at the remote.
    GoneThere,
    /// It was to be given, and moved at the remote only.
    MovedThere,
    /// Conflicts of the draft wait here to be decided.
    UndecidedHere,
    /// Conflicts of the draft wait at the remote.
    UndecidedThere,
    /// Both sides said something of a version, and what the remote says was taken over.
    Overruled,
    /// Both sides changed what each keeps for itself then: title, description, accepted findings.
    KeptApart,
}

impl Left {
    /// A ref that both sides moved.
    pub(super) fn by_both(view: &View, name: RefName) -> Self {
        let why = match (view.own(&name).is_some(), view.their(&name).is_some()) {
            _ if name == RefName::meta() || name.as_str() == "accepted" => Why::KeptApart,
            (false, _) => Why::GoneHere,
            (_, false) => Why::GoneThere,
            _ => Why::BothMoved,
        };
        Self { name, why }
    }

    /// Whether something that was meant to go did not: what is settled, or stays with each side, is only told.
    pub fn is_open(&self) -> bool {
        !matches!(self.why, Why::Overruled | Why::KeptApart)
    }
}

/// What a push left, when what came of it was taken over, and something of what was left with it.
pub(super) fn after(left: Vec<Left>, taken: &[Left]) -> Vec<Left> {
    let now = |left: Left| match taken.iter().find(|taken| taken.name == left.name) {
        Some(taken) if taken.why == Why::Overruled => taken.clone(),
        _ => left,
    };
    left.into_iter().map(now).collect()
}

/// What goes on from there, as commands in quotes; none where nothing is to be done here.
pub fn way_on(agent: &Handle, remote: &Handle, Left { name, why }: &Left) -> Option<String> {
    let fetch = format!("'recto fetch {agent} --remote {remote}'");
    if let Some(draft) = name.as_draft() {
        let (ours, theirs) = (format!("{agent}@{draft}"), format!("{remote}/{draft}"));
        return match why {
            Why::BothMoved => Some(format!(
                "{fetch} and 'recto merge {ours} {theirs}' combine the two; 'recto draft rename {ours} NAME' keeps both"
            )),
            Why::GoneHere => Some(format!(
                "{fetch} and 'recto draft new {ours} --from {theirs}' bring it back, to go on with it or to discard it again"
            )),
            Why::GoneThere => Some(format!(
                "'recto draft discard {ours}' discards it here too; 'recto draft rename {ours} NAME' keeps it"
            )),
            Why::UndecidedHere => Some(format!("'recto resolve {ours}' decides them")),
            Why::MovedThere => Some(format!("'recto pull {ours} --remote {remote}' takes it over")),
            Why::UndecidedThere | Why::Overruled | Why::KeptApart => None,
        };
    }
    match (name.shape(), why) {
        (_, Why::Overruled | Why::KeptApart | Why::UndecidedHere | Why::UndecidedThere) => None,
        (Shape::Attribute | Shape::List, _) => {
            Some(format!("'recto pull {agent} --remote {remote}' takes over what is said there"))
        }
        (Shape::Single, Why::MovedThere) => {
            Some(format!("'recto pull {agent} --activate --remote {remote}' takes it over"))
        }
        (Shape::Single, _) => {
            let take = match (name.split(), why) {
                ((_, environment), Why::GoneThere) if *name != RefName::active() => {
                    format!("'recto env clear {agent} {environment}'")
                }
                (_, Why::GoneThere) => format!("'recto unpublish {agent}'"),
                ((_, environment), _) if *name != RefName::active() => {
                    format!("{fetch} and 'recto env set {agent}@{remote}/{environment} {environment}'")
                }
                _ => format!("{fetch} and 'recto activate {agent}@{remote}/ACTIVE'"),
            };
            Some(format!(
                "{take} let serve here what serves there; to keep yours, let it serve again after that, and push"
            ))
        }
    }
}
