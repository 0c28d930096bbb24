//! Operations that were put together afar: read whole, checked as if a stranger had sent them, and committed
//! as they came.

use axum::response::Response;

use crate::access::Role;
use crate::backend::{BackendError, Outcome, Transaction};
use crate::server::call::{Call, Shared, json};
use crate::server::caller::Caller;
use crate::server::problem::Problem;
use crate::sync::wire::{CommitAnswer, Failure, read_operations};
use crate::sync::{Admitted, Power, admit};

use super::state::state_of;

/// The surface that the documents of an operation are made through; its record says through which it was done.
const VIA: &str = "http";

pub(super) async fn commit(call: Call) -> Result<Response, Problem> {
    take(call, false).await
}

pub(super) async fn commits(call: Call) -> Result<Response, Problem> {
    take(call, true).await
}

async fn take(call: Call, many: bool) -> Result<Response, Problem> {
    let caller = call.caller.clone().ok_or_else(|| Problem::forbidden("nobody is known to ask"))?;
    call.items(read_operations, move |shared, headers, operations| {
        if !many && operations.len() != 1 {
            return Err(Problem::malformed("one operation belongs here"));
        }
        json(headers, &done(shared, &caller, operations, many)?)
    })
    .await
}

fn role(power: Power) -> Role {
    match power {
        Power::Edit => Role::Editor,
        Power::Publish => Role::Publisher,
        Power::Administer => Role::Admin,
    }
}

/// Checks all operations before any happens; a refusal of one refuses all.
fn done(
    shared: &Shared,
    caller: &Caller,
    operations: Vec<Transaction>,
    many: bool,
) -> Result<CommitAnswer, Problem> {
    let backend = shared.repo.backend();
    let agents = shared.agents.acting(caller.actor.clone(), VIA);
    let (mut ready, mut outcomes) = (Vec::new(), Vec::new());
    for operation in operations {
        if let Err(BackendError::BadTransaction(reason)) = operation.lines(backend.store_id()) {
            return Ok(CommitAnswer::Bad(reason));
        }
        if shared.trusts {
            ready.push(operation);
            outcomes.push(Outcome::Unknown);
            continue;
        }
        match admit(&agents, operation, caller.acts_as()).map_err(|error| Problem::of_sent(&error))? {
            Admitted::Moved(moved) => outcomes.push(Outcome::Moved(moved)),
            Admitted::Ready(operation, power) => {
                caller.require(role(power))?;
                ready.push(*operation);
                outcomes.push(Outcome::Unknown);
            }
        }
    }
    let committed = match ready.as_slice() {
        [] => Ok(Vec::new()),
        [one] if !many && one.staged.is_none() => shared.repo.commit_one(one).map(|outcome| vec![outcome]),
        all => backend.commit_many(all),
    };
    match committed {
        Ok(committed) => {
            let mut committed = committed.into_iter();
            let waits = outcomes.iter_mut().filter(|outcome| **outcome == Outcome::Unknown);
            waits.for_each(|outcome| *outcome = committed.next().unwrap_or(Outcome::Unknown));
            let happened = !many && outcomes == [Outcome::Committed];
            let handle = ready.first().map(|one| one.rename_to.as_ref().unwrap_or(&one.agent));
            // It happened, whether or not it can be said what is there since.
            let after = handle.filter(|_| happened).and_then(|handle| state_of(backend, handle, None).ok());
            let outcomes = outcomes.into_iter().map(Into::into).collect();
            Ok(CommitAnswer::Outcomes { outcomes, after: after.map(Box::new) })
        }
        Err(BackendError::BadTransaction(reason)) => Ok(CommitAnswer::Bad(reason)),
        Err(error) => {
            tracing::error!(error = %error, "an operation could not be committed");
            Ok(CommitAnswer::Failed(Failure::about(&error)))
        }
    }
}
