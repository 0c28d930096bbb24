//! The environments of a store and their order, from its settings.

use crate::agent::BOUND_SETTING;
use crate::refs::Handle;
use crate::repo::Settings;

use super::ReleaseError;

/// The setting that lists the environments.
pub const ORDER_SETTING: &str = "environments";
/// What they are when nothing else is said.
const DEFAULT: &str = "development,staging,production";
/// Most environments of a store.
const ENVIRONMENTS_MAX: usize = 32;
/// Words that mean something else behind the `@`.
const KEPT: [&str; 3] = ["active", "latest", "none"];

/// The environments of a store, the first step first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    names: Vec<Handle>,
    bound: Option<Handle>,
}

impl Order {
    /// The order that settings say.
    ///
    /// # Errors
    /// `Settings` when they say none, or bind another than the last environment to ACTIVE.
    pub fn of(settings: &Settings) -> Result<Self, ReleaseError> {
        let refuse = |name: &'static str, reason| ReleaseError::Settings { name, reason };
        let names = parse(settings.get(ORDER_SETTING).unwrap_or(DEFAULT))
            .map_err(|reason| refuse(ORDER_SETTING, reason))?;
        let Some(bound) = settings.get(BOUND_SETTING) else { return Ok(Self { names, bound: None }) };
        let last = names.last().expect("there is at least one");
        if bound != last.as_str() {
            let reason =
                format!("'{bound}' is not '{last}', the last environment, which alone can be ACTIVE");
            return Err(refuse(BOUND_SETTING, reason));
        }
        let bound = Some(last.clone());
        Ok(Self { names, bound })
    }

    /// The environments, the first step first; at least one.
    pub fn names(&self) -> &[Handle] {
        &self.names
    }

    /// The environment that is ACTIVE under another name: the last one, or none.
    pub fn bound(&self) -> Option<&Handle> {
        self.bound.as_ref()
    }

    /// Where an environment stands.
    ///
    /// # Errors
    /// `NoSuchEnvironment`.
    pub(super) fn position(&self, name: &Handle) -> Result<usize, ReleaseError> {
        let at = self.names.iter().position(|known| known == name);
        at.ok_or_else(|| ReleaseError::NoSuchEnvironment { name: name.clone(), known: self.names.clone() })
    }
}

/// Says why a text is no list of environments.
///
/// # Errors
/// The reason.
pub fn check_order(text: &str) -> Result<(), String> {
    parse(text).map(drop)
}

fn parse(text: &str) -> Result<Vec<Handle>, String> {
    let mut names: Vec<Handle> = Vec::new();
    for word in text.split(',').map(str::trim) {
        let name: Handle = word.parse().map_err(|error: crate::refs::HandleError| error.to_string())?;
        if KEPT.contains(&name.as_str()) {
            return Err(format!("'{name}' means something else"));
        }
        if names.contains(&name) {
            return Err(format!("'{name}' stands there twice"));
        }
        names.push(name);
    }
    if names.len() > ENVIRONMENTS_MAX {
        return Err(format!("there are {}, more than {ENVIRONMENTS_MAX}", names.len()));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(pairs: &[(&str, &str)]) -> Result<(Vec<String>, Option<String>), String> {
        let pairs = pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        let order = Order::of(&Settings(pairs.collect())).map_err(|error| error.to_string())?;
        let names = order.names().iter().map(ToString::to_string).collect();
        Ok((names, order.bound().map(ToString::to_string)))
    }

    #[test]
    fn settings_say_the_order() {
        let names = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(order(&[]), Ok((names("development staging production"), None)));
        assert_eq!(order(&[(ORDER_SETTING, "dev, qa,prod")]), Ok((names("dev qa prod"), None)));
        let bound = order(&[(ORDER_SETTING, "live"), (BOUND_SETTING, "live")]);
        assert_eq!(bound, Ok((names("live"), Some("live".to_owned()))));
    }

    #[test]
    fn what_is_no_order_is_refused() {
        for bad in ["", "dev,", ",", "dev,dev", "Dev", "a/b", "dev qa", "..", "latest", "dev,active", "none"]
        {
            assert!(check_order(bad).is_err(), "{bad:?}");
        }
        let many: Vec<String> = (0..=ENVIRONMENTS_MAX).map(|n| format!("e{n}")).collect();
        assert!(check_order(&many.join(",")).is_err());
        assert_eq!(check_order(&many[1..].join(",")), Ok(()));
        for bound in ["staging", "prod", ""] {
            let refused = order(&[(BOUND_SETTING, bound)]).expect_err("refused");
            assert!(refused.contains("the last environment"), "{refused}");
        }
    }
}
