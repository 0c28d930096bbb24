//! What helps who asked over HTTP: what a refusal says on a command line is of no use there.

use crate::agent::{AgentError, CheckState};
use crate::refs::Handle;
use crate::release::ReleaseError;
use crate::repo::RepoError;

use super::api::ROOT;

/// What helps, in terms of routes and of what a body may say; nothing where there is nothing to add.
pub(super) fn of_agent(error: &AgentError) -> Option<String> {
    let of = |agent: &Handle, rest: &str| format!("{ROOT}/agents/{agent}{rest}");
    Some(match error {
        AgentError::Repo(RepoError::NotAsExpected { .. }) => {
            "read it again, and send what it then is as 'If-Match'".to_owned()
        }
        AgentError::HandleForwards(_, to) => format!("use '{to}', or another name for the new agent"),
        AgentError::Archived(agent) => format!("POST {} takes it out again", of(agent, "/unarchive")),
        AgentError::NoSuchRevision { agent, revision } if revision.starts_with("draft:") => {
            format!("GET {} lists those that there are", of(agent, "/drafts"))
        }
        AgentError::NoSuchRevision { agent, .. } => {
            format!("GET {} lists those that there are; they are written as V3", of(agent, "/versions"))
        }
        AgentError::Ambiguous { .. } => "say draft:NAME, env:NAME, or more digits of the id".to_owned(),
        AgentError::NotServing(agent) => {
            format!("POST {} lets the newest version serve", of(agent, "/versions/latest/activate"))
        }
        AgentError::NothingThen { agent, .. } => format!("GET {}", of(agent, "/timeline")),
        AgentError::OneDraft { .. } => "its one draft is called 'main'".to_owned(),
        AgentError::DraftExists { agent, draft } => {
            format!("PATCH {} edits it", of(agent, &format!("/drafts/{draft}/config")))
        }
        AgentError::DraftMoved { agent, draft, .. } => {
            format!("GET {} shows what was changed", of(agent, &format!("/drafts/{draft}/revisions")))
        }
        AgentError::DraftPublished { agent, number, .. } if number.provisional => {
            format!("GET {} shows it", of(agent, "/versions/latest"))
        }
        AgentError::DraftPublished { agent, number, .. } => {
            format!("GET {} shows it", of(agent, &format!("/versions/V{number}")))
        }
        AgentError::NothingToPublish { reason, .. } if reason.contains("same") => {
            "edit it first; 'allow_unchanged' publishes it as it is".to_owned()
        }
        AgentError::WouldUndo { agent, draft, .. } => format!(
            "POST {} takes them over, 'overwrite' undoes them",
            of(agent, &format!("/drafts/{draft}/rebase"))
        ),
        AgentError::Conflicted { agent, revision, .. } => {
            format!("GET {} shows them", of(agent, &format!("/drafts/{revision}/conflicts")))
        }
        AgentError::NoSuchConflict { agent, draft, .. } => {
            format!("GET {} shows those that it has", of(agent, &format!("/drafts/{draft}/conflicts")))
        }
        AgentError::SeveralConflicts { .. } => {
            "name one of them, or the block in which all of them are".to_owned()
        }
        AgentError::CheckStands { agent, number, state } if number.provisional => {
            stands(agent, "latest", *state)
        }
        AgentError::CheckStands { agent, number, state } => stands(agent, &format!("V{number}"), *state),
        AgentError::CannotServe { .. } => {
            "nothing was made; leave out 'activate', or say why in 'override_reason'".to_owned()
        }
        AgentError::Masked { .. } => "put the value itself, or a reference to it, there".to_owned(),
        AgentError::Withdrawn { agent, .. } => {
            format!("POST {} makes a draft of it", of(agent, "/drafts/{draft}/restore"))
        }
        _ => return None,
    })
}

/// What helps where an environment is not moved.
pub(super) fn of_release(error: &ReleaseError) -> Option<String> {
    Some(match error {
        ReleaseError::Agent(error) => return of_agent(error),
        ReleaseError::SkippedStep(step) => {
            format!("'to': \"{}\" takes the next step, 'skip_reason' leaves out what is between", step.next)
        }
        ReleaseError::CheckStands { agent, number, id, state, .. } => {
            stands(agent, &number.address(id), *state)
        }
        ReleaseError::Empty { agent, .. } | ReleaseError::LastStep { agent, .. } => {
            format!("GET {ROOT}/agents/{agent}/environments shows what each environment has")
        }
        _ => return None,
    })
}

fn stands(agent: &Handle, version: &str, state: CheckState) -> String {
    let check = format!("'recto check {agent}@{version} --run' where the store lies");
    let way = match state {
        CheckState::Pending => format!("{check} decides it"),
        _ => {
            format!("GET {ROOT}/agents/{agent}/versions/{version}/check shows why; {check} checks it anew")
        }
    };
    format!("{way}; 'override_reason' lets it through all the same")
}
