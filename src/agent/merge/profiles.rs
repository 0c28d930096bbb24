//! The profile under which configs are merged that were made under different ones: the newer, where it
//! divides them into the same blocks.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::merge::Sides;
use crate::object::{BlockName, Blocks};
use crate::profile::Profile;
use crate::refs::Handle;

use super::super::{AgentError, Agents, Config};

impl Agents {
    /// The profile to merge under, and the blocks of each side under it; of a side that is absent none.
    ///
    /// # Errors
    /// `ProfilesDiffer` with the blocks that are not the same under both.
    pub(super) fn under_one_profile(
        &self,
        agent: &Handle,
        configs: &Sides<Option<Config>>,
        labels: &Sides<String>,
    ) -> Result<(Arc<Profile>, Sides<Blocks>), AgentError> {
        let sides = configs.as_ref().map(Option::as_ref);
        let profile = self.newer(sides)?;
        let mut blocks = Sides::default();
        let pairs = [
            (sides.base, &labels.base, &mut blocks.base),
            (sides.ours, &labels.ours, &mut blocks.ours),
            (sides.theirs, &labels.theirs, &mut blocks.theirs),
        ];
        for (config, label, under) in pairs {
            let Some(config) = config else { continue };
            *under = as_under(&profile, config).map_err(|differ| AgentError::ProfilesDiffer {
                agent: agent.clone(),
                side: label.clone(),
                profile: config.profile.name().to_owned(),
                other: profile.name().to_owned(),
                blocks: differ,
            })?;
        }
        Ok((profile, blocks))
    }

    /// Of two profiles the one that is not the base's; else that of the commit made last.
    fn newer(&self, sides: Sides<Option<&Config>>) -> Result<Arc<Profile>, AgentError> {
        let (Some(ours), Some(theirs)) = (sides.ours, sides.theirs) else {
            let only = sides.ours.or(sides.theirs).or(sides.base).expect("ours is always there");
            return Ok(Arc::clone(&only.profile));
        };
        let base = sides.base.map(|base| base.profile.id());
        let later = if base == Some(ours.profile.id()) {
            theirs
        } else if base == Some(theirs.profile.id()) {
            ours
        } else {
            let time = |config: &Config| self.repo.commit(&config.commit).map(|commit| commit.time);
            if time(theirs)? > time(ours)? { theirs } else { ours }
        };
        Ok(Arc::clone(&later.profile))
    }
}

/// A config's blocks under a profile, or those that are not the same there.
fn as_under(profile: &Profile, config: &Config) -> Result<Blocks, Vec<BlockName>> {
    if config.profile.id() == profile.id() {
        return Ok(config.blocks.clone());
    }
    let all = || config.blocks.keys().cloned().collect::<Vec<_>>();
    let divided = profile.split(&config.value).map_err(|_| all())?;
    let names: BTreeSet<&BlockName> = config.blocks.keys().chain(divided.keys()).collect();
    let same = |name: &BlockName| config.blocks.get(name) == divided.get(name);
    let differ: Vec<BlockName> = names.into_iter().filter(|name| !same(name)).cloned().collect();
    if differ.is_empty() { Ok(divided) } else { Err(differ) }
}
