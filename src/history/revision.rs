//! `AGENT@REV`: how people name a version, a draft or a moment.

use std::fmt;
use std::str::FromStr;

use crate::clock::Time;
use crate::error::{Classify, Kind};
use crate::refs::Handle;

/// Shortest id prefix that names something, in hexadecimal digits.
const PREFIX_MIN_DIGITS: usize = 4;

/// What follows the `@`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revision {
    /// `support`, `support@ACTIVE`: the version that serves.
    Active,
    /// `support@latest`: the newest version that was not withdrawn.
    Latest,
    /// `support@V3`: a version by its number.
    Version(u64),
    /// `support@{2026-03-07T14:03:00Z}`: what was ACTIVE at that instant.
    At(Time),
    /// `support@draft:tone`.
    Draft(Handle),
    /// `support@env:production`.
    Environment(Handle),
    /// `support@production@{2026-03-07T14:03:00Z}`: what an environment had at that instant.
    EnvironmentAt {
        /// The environment.
        name: Handle,
        /// The instant.
        time: Time,
    },
    /// `support@origin/V7`: where something of another store was when it was last looked at.
    Remote {
        /// The remote.
        remote: Handle,
        /// What of it: ACTIVE, latest, a version, a draft or an environment.
        revision: Box<Revision>,
    },
    /// `support@tone`, `support@3fa9c2`: a draft, an environment or an id prefix, whichever is there.
    Word(String),
}

/// An agent and one of its revisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// The agent.
    pub agent: Handle,
    /// The revision; ACTIVE when none is named.
    pub revision: Revision,
    /// Whether the text named a revision.
    pub explicit: bool,
}

/// `A..B`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// The older side.
    pub from: Spec,
    /// The newer side.
    pub to: Spec,
}

/// A text names no revision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RevisionError {
    /// The part before the `@` is no handle.
    #[error(transparent)]
    Agent(#[from] crate::refs::HandleError),
    /// The part after the `@` is no revision.
    #[error("'{text}' is not a revision: {reason}")]
    Malformed {
        /// The text.
        text: String,
        /// Why.
        reason: String,
    },
}

impl Classify for RevisionError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<String> {
        match self {
            // A revision where an agent is wanted: `diff V1..V2`.
            Self::Agent(error)
                if error.text.starts_with('V') && matches!(error.text.parse(), Ok(Revision::Version(_))) =>
            {
                Some(format!("name its agent too: AGENT@{}", error.text))
            }
            Self::Agent(error) => error.hint(),
            Self::Malformed { .. } => {
                Some("V3, latest, ACTIVE, a draft's name, an id, or {2026-03-07T14:03:00Z}".to_owned())
            }
        }
    }
}

impl Spec {
    /// The version that serves.
    pub fn active(agent: Handle) -> Self {
        Self { agent, revision: Revision::Active, explicit: false }
    }
}

impl FromStr for Spec {
    type Err = RevisionError;

    fn from_str(text: &str) -> Result<Self, RevisionError> {
        match text.split_once('@') {
            None => Ok(Self::active(text.parse()?)),
            Some((agent, revision)) => {
                Ok(Self { agent: agent.parse()?, revision: revision.parse()?, explicit: true })
            }
        }
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.agent)?;
        if self.explicit { write!(f, "@{}", self.revision) } else { Ok(()) }
    }
}

impl FromStr for Revision {
    type Err = RevisionError;

    fn from_str(text: &str) -> Result<Self, RevisionError> {
        let malformed =
            |reason: &str| RevisionError::Malformed { text: text.to_owned(), reason: reason.to_owned() };
        let instant = |time: &str| {
            let time = time.strip_suffix('}').ok_or_else(|| malformed("a time ends with '}'"))?;
            Time::parse(time, None).map_err(|reason| malformed(&reason))
        };
        if let Some(time) = text.strip_prefix('{') {
            return instant(time).map(Self::At);
        }
        if let Some((name, time)) = text.split_once("@{") {
            let name = match name.parse()? {
                Self::Environment(name) => name,
                Self::Word(name) => name.parse()?,
                _ => return Err(malformed("an instant is one of ACTIVE or of an environment")),
            };
            return Ok(Self::EnvironmentAt { name, time: instant(time)? });
        }
        if let Some(name) = text.strip_prefix("draft:") {
            return Ok(Self::Draft(name.parse()?));
        }
        if let Some(name) = text.strip_prefix("env:") {
            return Ok(Self::Environment(name.parse()?));
        }
        if let Some((remote, rest)) = text.split_once('/')
            && let Ok(remote) = remote.parse()
        {
            let revision = rest.parse()?;
            if matches!(revision, Self::At(_) | Self::EnvironmentAt { .. } | Self::Remote { .. }) {
                return Err(malformed("of another store only ACTIVE, latest, versions and refs are known"));
            }
            return Ok(Self::Remote { remote, revision: Box::new(revision) });
        }
        match text {
            "" => return Err(malformed("nothing follows the '@'")),
            "ACTIVE" | "active" => return Ok(Self::Active),
            "latest" => return Ok(Self::Latest),
            _ => {}
        }
        if let Some(digits) = text.strip_prefix('V') {
            if digits.ends_with('?') {
                return Err(malformed("a version that was not pushed has no number yet, but an id"));
            }
            let number =
                digits.parse::<u64>().ok().filter(|number| *number > 0 && !digits.starts_with(['0', '+']));
            return number.map(Self::Version).ok_or_else(|| malformed("versions are V1, V2, ..."));
        }
        let is_word = text.parse::<Handle>().is_ok() || is_prefix(text);
        if is_word {
            Ok(Self::Word(text.to_owned()))
        } else {
            Err(malformed("no draft, environment or id is named so"))
        }
    }
}

/// Whether a text can be the beginning of an id.
pub(crate) fn is_prefix(text: &str) -> bool {
    let hex = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    hex && (PREFIX_MIN_DIGITS..=64).contains(&text.len())
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Active => f.write_str("ACTIVE"),
            Self::Latest => f.write_str("latest"),
            Self::Version(number) => write!(f, "V{number}"),
            Self::At(time) => write!(f, "{{{time}}}"),
            Self::Draft(name) => write!(f, "draft:{name}"),
            Self::Environment(name) => write!(f, "env:{name}"),
            Self::EnvironmentAt { name, time } => write!(f, "env:{name}@{{{time}}}"),
            Self::Remote { remote, revision } => write!(f, "{remote}/{revision}"),
            Self::Word(word) => f.write_str(word),
        }
    }
}

impl FromStr for Range {
    type Err = RevisionError;

    /// Reads `support@V3..support@V4`; the second agent may be left out: `support@V3..V4`.
    fn from_str(text: &str) -> Result<Self, RevisionError> {
        let malformed = || RevisionError::Malformed {
            text: text.to_owned(),
            reason: "a pair is written support@V3..V4".to_owned(),
        };
        let (from, to) = text.split_once("..").ok_or_else(malformed)?;
        let from: Spec = from.parse()?;
        let to = match to.split_once('@') {
            _ if to.is_empty() => return Err(malformed()),
            Some(_) => to.parse()?,
            None => Spec { agent: from.agent.clone(), revision: to.parse()?, explicit: true },
        };
        Ok(Self { from, to })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_round_trips() {
        for text in [
            "support",
            "support@ACTIVE",
            "support@latest",
            "support@V3",
            "support@tone",
            "support@draft:tone",
            "support@env:production",
            "support@3fa9c2",
            "support@origin/V7",
            "support@origin/ACTIVE",
            "support@origin/draft:tone",
            "support@origin/tone",
            "support@{2026-03-07T14:03:00.000Z}",
            "support@env:production@{2026-03-07T14:03:00.000Z}",
        ] {
            assert_eq!(text.parse::<Spec>().map(|spec| spec.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_names_nothing_is_refused() {
        for text in [
            "",
            "support@",
            "support@V0",
            "support@V03",
            "support@V",
            "Support@V1",
            "a/b@V1",
            "support@{noon}",
            "support@{2026",
            "support@draft:../x",
            "support@V5?",
            "support@origin/",
            "support@a/b/V1",
            "support@origin/{2026-03-07T14:03:00Z}",
            "support@origin/env:production@{2026-03-07T14:03:00Z}",
            "support@draft:tone@{2026-03-07T14:03:00Z}",
            "support@V3@{2026-03-07T14:03:00Z}",
            "support@production@{2026-03-07T14:03:00Z",
            "support@production@V3",
            "support@Ünder",
        ] {
            assert!(text.parse::<Spec>().is_err(), "{text}");
        }
    }

    #[test]
    fn pairs_may_leave_out_the_second_agent() {
        let range: Range = "support@V3..tone".parse().expect("a pair");
        assert_eq!(
            (range.from.to_string(), range.to.to_string()),
            ("support@V3".into(), "support@tone".into())
        );
        assert!("support@V3".parse::<Range>().is_err());
        assert!("support@V3..".parse::<Range>().is_err());
        let other: Range = "a@V1..b@V2".parse().expect("a pair");
        assert_eq!(other.to.agent.as_str(), "b");
    }
}
