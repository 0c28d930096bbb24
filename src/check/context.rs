//! What the caller tells the rules about a config: its profile, how its paths read, and the
//! variables that are known without it.

/// The surroundings of a checked config.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// The name of the config's profile, e.g. `atoms`.
    pub profile_name: String,
    /// Top-level objects that paths leave out, so that `singlePromptConfig.tools` reads `tools`.
    pub elided: Vec<String>,
    /// Names of variables that are defined outside the config, beside the system's own.
    pub variables: Vec<String>,
}

impl Context {
    /// The context of a profile, by its name; an unknown name is treated as `generic`.
    pub fn for_profile(name: &str) -> Self {
        let elided = if name == "atoms" { vec!["singlePromptConfig".to_owned()] } else { Vec::new() };
        Self { profile_name: name.to_owned(), elided, variables: Vec::new() }
    }

    /// Whether the profile's numbers must be E.164, so that even SIP addresses are refused.
    pub(super) fn only_e164(&self) -> bool {
        self.profile_name == "atoms"
    }
}
