//! What the verbs that bring two stores together have in common: the remote that is meant, the agents, and
//! how what was done is told.

use serde_json::{Value, json};

use crate::agent::Agents;
use crate::error::Classify as _;
use crate::history::{Revision, Spec};
use crate::log::Change;
use crate::refs::{Handle, RefName, Shape};
use crate::sync::{
    Drafts, Job, Link, ORIGIN, Pair, Remote, Scope, SyncError, Synced, Tell, Transport, remote, remotes,
};

use super::address::Address;
use super::agents::draft_name;
use super::context::Context;
use super::count::count;
use super::error::{CliError, Exit};
use super::terminal::Report;

/// Refs that are named one by one.
const NAMED_MAX: usize = 4;

/// The remote that is named, or `origin`, or the only one.
///
/// # Errors
/// When there is none.
pub(super) fn chosen(ctx: &Context, named: Option<&str>) -> Result<Remote, CliError> {
    let repo = ctx.repo()?;
    if let Some(name) = named {
        return Ok(remote(repo, &name.parse()?)?);
    }
    let mut all = remotes(repo)?;
    if let Some(at) = all.iter().position(|remote| remote.name.as_str() == ORIGIN) {
        return Ok(all.swap_remove(at));
    }
    match all.len() {
        1 => Ok(all.remove(0)),
        0 => Err(SyncError::NoSuchRemote(ORIGIN.parse()?).into()),
        _ => Err(CliError::usage("there are several remotes, and none is called 'origin'")
            .details(all.iter().map(|remote| format!("{} {}", remote.name, remote.shown_url())))
            .hint(format!("--remote {}", all[0].name))),
    }
}

/// This store and the remote that is meant.
pub(super) struct Side {
    pub(super) agents: Agents,
    pub(super) remote: Remote,
    pub(super) transport: Box<dyn Transport>,
    dry_run: bool,
}

impl Side {
    /// Opens both.
    ///
    /// # Errors
    /// When there is no remote, or one of the two cannot be opened.
    pub(super) fn open(ctx: &Context, named: Option<&str>, dry_run: bool) -> Result<Self, CliError> {
        Self::with(ctx, ctx.agents(dry_run)?, chosen(ctx, named)?, dry_run)
    }

    /// Opens the remote for agents of this store.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(super) fn with(
        ctx: &Context,
        agents: Agents,
        remote: Remote,
        dry_run: bool,
    ) -> Result<Self, CliError> {
        let address = Address::of(ctx, &remote.url)?;
        let transport = address.opened(ctx, remote.token_file.as_deref(), Some(agents.repo()))?;
        Ok(Self::of(agents, remote, transport, dry_run))
    }

    /// Two that are open.
    pub(super) fn of(agents: Agents, remote: Remote, transport: Box<dyn Transport>, dry_run: bool) -> Self {
        Self { agents, remote, transport, dry_run }
    }

    /// The two together.
    pub(super) fn link(&self) -> Link<'_> {
        Link::new(&self.agents, self.transport.as_ref(), self.remote.name.clone(), self.dry_run)
            .expecting(self.remote.store)
    }

    /// The agents that are fetched: those that are named, else those that were cloned.
    ///
    /// # Errors
    /// When one is not there.
    pub(super) fn to_fetch(&self, named: &[Handle]) -> Result<Vec<Pair>, CliError> {
        Ok(self.link().to_fetch(if named.is_empty() { &self.remote.agents } else { named })?)
    }

    /// Does something with agents, and tells what was done.
    ///
    /// # Errors
    /// As [`told`].
    pub(super) fn run(
        &self,
        ctx: &Context,
        what: &'static str,
        jobs: &[Job],
        act: impl FnOnce(&Link<'_>, &[Job], &mut Tell<'_>) -> Result<(), SyncError>,
    ) -> Result<Exit, CliError> {
        let link = self.link();
        let results = each(ctx, what, jobs, |tell| act(&link, jobs, tell));
        told(ctx, &self.remote.name, self.dry_run, results)
    }
}

/// Agents, and the drafts of them, that words name.
pub(super) struct Named(Vec<(Handle, Drafts)>);

impl Named {
    /// The agents.
    pub(super) fn handles(&self) -> Vec<Handle> {
        self.0.iter().map(|(handle, _)| handle.clone()).collect()
    }

    /// What travels of each of the agents.
    pub(super) fn jobs(&self, pairs: Vec<Pair>, all_drafts: bool, scope: &Scope) -> Vec<Job> {
        let job = |pair: Pair| {
            let asked = self.0.iter().find(|(handle, _)| handle.as_str() == pair.name());
            let drafts = match asked {
                Some((_, drafts)) => drafts.clone(),
                None if all_drafts => Drafts::All,
                None => Drafts::None,
            };
            Job { pair, scope: Scope { drafts, ..scope.clone() } }
        };
        pairs.into_iter().map(job).collect()
    }
}

/// The agents that words name, and the drafts that they name with them.
///
/// # Errors
/// When a word names something else.
pub(super) fn named(agents: &Agents, words: &[String], all_drafts: bool) -> Result<Named, CliError> {
    let mut found: Vec<(Handle, Drafts)> = Vec::new();
    for word in words {
        let spec: Spec = word.parse()?;
        let agent = agents.repo().backend().locate(&spec.agent).map_err(crate::repo::RepoError::from)?;
        let agent = agent.unwrap_or_else(|| spec.agent.clone());
        let draft = match &spec.revision {
            _ if !spec.explicit => None,
            Revision::Word(_) | Revision::Draft(_) if draft_name(&spec.revision).is_some() => {
                draft_name(&spec.revision)
            }
            _ => {
                return Err(CliError::usage(format!("'{word}' is no agent and no draft"))
                    .hint(format!("{agent}@DRAFT")));
            }
        };
        if !found.iter().any(|(known, _)| *known == agent) {
            let drafts = if all_drafts { Drafts::All } else { Drafts::None };
            found.push((agent.clone(), drafts));
        }
        let entry = found.iter_mut().find(|(known, _)| *known == agent);
        let Some(((_, drafts), draft)) = entry.zip(draft) else { continue };
        match drafts {
            Drafts::Named(names) => names.push(draft),
            Drafts::None => *drafts = Drafts::Named(vec![draft]),
            Drafts::All => {}
        }
    }
    Ok(Named(found))
}

/// Does something with several agents; what fails for one stops none of the others.
pub(super) fn each(
    ctx: &Context,
    what: &'static str,
    jobs: &[Job],
    act: impl FnOnce(&mut Tell<'_>) -> Result<(), SyncError>,
) -> Vec<(String, Result<Synced, SyncError>)> {
    let mut progress = ctx.out.progress(what, Some(jobs.len() as u64));
    let mut found: Vec<Option<Result<Synced, SyncError>>> = jobs.iter().map(|_| None).collect();
    let done = act(&mut |at, result| {
        progress.step(&jobs[at].pair.name());
        found[at] = Some(result);
    });
    // What stopped everything is told of each agent that was not come to.
    let mut stopped = done.err();
    let mut reason = String::new();
    let mut missing = || match stopped.take() {
        Some(error) => {
            reason = error.to_string();
            Err(error)
        }
        None => Err(SyncError::Stopped(reason.clone())),
    };
    let results = found.into_iter().map(|result| result.unwrap_or_else(&mut missing));
    jobs.iter().map(|job| job.pair.name()).zip(results).collect()
}

/// Tells what failed for one agent of a remote that is followed.
///
/// # Errors
/// When it cannot be printed.
pub(super) fn failed(ctx: &Context, agent: &str, error: SyncError) -> Result<(), CliError> {
    let error = CliError::from(error);
    if ctx.out.is_json() {
        return ctx.out.json_line(&json!({"agent": agent, "error": error.to_value()["error"]}));
    }
    ctx.out.warn(format!("agent '{agent}': {}", error.brief()));
    Ok(())
}

/// Tells what was done, agent by agent; the first failure gives the exit code.
///
/// # Errors
/// When only one agent was asked for, and it failed.
pub(super) fn told(
    ctx: &Context,
    remote: &Handle,
    dry_run: bool,
    mut results: Vec<(String, Result<Synced, SyncError>)>,
) -> Result<Exit, CliError> {
    if results.len() == 1 && results[0].1.is_err() {
        let (_, result) = results.remove(0);
        result?;
        return Ok(Exit::Done);
    }
    let mut report = Report::default().field("remote", remote.as_str()).field("dry_run", dry_run);
    let (mut values, mut exit) = (Vec::new(), Exit::Done);
    let mut failed = 0;
    for (agent, result) in results {
        match result {
            Ok(synced) => {
                for line in lines(&agent, remote, &synced, dry_run) {
                    report = report.line(line);
                }
                values.push(value(&agent, &synced));
            }
            Err(error) => {
                failed += 1;
                if exit == Exit::Done {
                    exit = Exit::Found(error.kind());
                }
                let error = CliError::from(error);
                values.push(json!({"agent": agent, "error": error.to_value()["error"]}));
                ctx.out.warn(format!("agent '{agent}': {}", error.brief()));
            }
        }
    }
    if values.is_empty() {
        report = report.line("there are no agents");
    }
    ctx.out.report(report.field("failed", failed).field("agents", values))?;
    Ok(exit)
}

/// What was done with an agent, as data.
pub(super) fn value(agent: &str, synced: &Synced) -> Value {
    let moved = |changes: &[Change]| {
        let one = |change: &Change| {
            let target = |target: &Option<crate::refs::Target>| target.as_ref().map(ToString::to_string);
            json!({"ref": change.name.as_str(), "from": target(&change.from), "to": target(&change.to)})
        };
        changes.iter().map(one).collect::<Vec<_>>()
    };
    let renumbered = synced.renumbered.iter().map(|one| {
        let name = |number: crate::agent::Number| format!("V{number}");
        json!({"id": one.id.to_string(), "before": name(one.before), "after": name(one.after)})
    });
    json!({
        "agent": agent,
        "operation": synced.operation.map(|id| id.to_string()),
        "created": synced.created,
        "changes": moved(&synced.changes),
        "sent": moved(&synced.sent),
        "renumbered": renumbered.collect::<Vec<_>>(),
        "left": synced.left.iter().map(RefName::as_str).collect::<Vec<_>>(),
    })
}

/// What was done with an agent, in words.
pub(super) fn lines(agent: &str, remote: &Handle, synced: &Synced, dry_run: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let prefix = if dry_run { "dry run: " } else { "" };
    let mut tell = |what: &str, changes: &[Change]| {
        if let Some(words) = words(changes) {
            lines.push(format!("{prefix}agent '{agent}' {what}: {words}"));
        }
    };
    let (there, here): (Vec<Change>, Vec<Change>) =
        synced.changes.iter().cloned().partition(|change| change.name.as_remote().is_some());
    tell(&format!("to '{remote}'"), &synced.sent);
    if synced.sent.is_empty() {
        tell(&format!("at '{remote}'"), &there);
    }
    tell("here", &here);
    for one in &synced.renumbered {
        lines.push(format!("{prefix}agent '{agent}': your V{} is now V{}", one.before, one.after));
    }
    for name in &synced.left {
        lines.push(format!("{prefix}agent '{agent}': '{name}' moved on both sides"));
    }
    if lines.is_empty() {
        lines.push(format!("agent '{agent}' and '{remote}' have the same"));
    }
    lines
}

/// What moved, in words; `None` when nothing that a person would ask for.
fn words(changes: &[Change]) -> Option<String> {
    let plain = |change: &Change| change.name.as_remote().map_or(change.name.clone(), |(_, name)| name);
    let names: Vec<RefName> = changes.iter().map(plain).collect();
    let versions = names.iter().filter(|name| **name == RefName::versions()).count();
    let about = names.iter().filter(|name| name.shape() == Shape::Attribute).count();
    let hidden = [RefName::pushed(), RefName::upstream()];
    let idle = |change: &Change| change.from.is_none() && change.to.is_none();
    let mut others: Vec<String> = names
        .iter()
        .zip(changes)
        .filter(|(name, change)| name.shape() == Shape::Single && !hidden.contains(name) && !idle(change))
        .map(|(name, _)| name.as_draft().map_or_else(|| name.to_string(), |draft| format!("draft {draft}")))
        .collect();
    others.dedup();
    let more = others.len().saturating_sub(NAMED_MAX);
    others.truncate(NAMED_MAX);
    let mut parts = Vec::new();
    parts.extend((versions > 0).then(|| count(versions as u64, "version")));
    parts.extend(others);
    parts.extend((more > 0).then(|| format!("{more} more refs")));
    parts.extend((about > 0 && versions == 0).then(|| count(about as u64, "note about a version")));
    (!parts.is_empty()).then(|| parts.join(", "))
}
