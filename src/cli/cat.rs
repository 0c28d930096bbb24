//! `recto cat`: a config or one of its fields, for scripts.

use serde_json::{Value, json};

use crate::agent::Agents;
use crate::check::masked;
use crate::diff::path::{self, ListKeys, Path};
use crate::encoding::{canonical, json as strict};
use crate::error::Kind;
use crate::history::{Revision, Spec};
use crate::object::{Content, ObjectId};

use super::context::Context;
use super::error::{CliError, Exit};
use super::when::When;

/// Print a config, or one field of it
///
/// The config comes in the shape that `recto patch` takes: 'recto cat --reveal A | recto patch A@D'
/// changes nothing. Secrets are masked unless they are to be revealed; a mask is never taken for a
/// value, so that what is masked cannot be put back by mistake.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  recto cat support
  recto cat support@V3 tools[book_slot].timeout
  recto cat support@tone prompt > prompt.md
  recto cat support --resolved --reveal
  recto cat support --at 2026-03-07T14:03:00Z")]
pub(crate) struct Args {
    /// The agent, or a revision of it; what serves when none is named.
    #[arg(value_name = "AGENT[@REV]")]
    revision: String,

    /// One field (`synthesizer.speed`) or block (`voice`); texts are printed as they are.
    path: Option<String>,

    /// What served at this time.
    #[arg(long, value_name = "TIME")]
    at: Option<When>,

    /// The vendor's resolved document, as runtimes get it.
    #[arg(long)]
    resolved: bool,

    /// Show secrets instead of masking them.
    #[arg(long)]
    reveal: bool,

    /// Exact bytes: no line feed added to a text, JSON on one line.
    #[arg(long)]
    raw: bool,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let wanted: Option<Path> = args.path.as_deref().map(str::parse).transpose()?;
    let agents = ctx.agents_to_read()?;
    let spec = at(ctx, &args.revision, args.at.as_ref())?;
    let agent = ctx.agent(&agents, spec.agent.as_str())?;
    if let Revision::At(time) = spec.revision
        && args.at.is_none()
    {
        ctx.out.say(format!("at {time}"));
    }
    let id = agents.commit_of(&agent, &spec.revision)?;
    let (whole, found) = match &wanted {
        None => (true, document(&agents, &id, args)?),
        Some(path) => (false, field(&agents, &id, args, path)?),
    };
    if ctx.out.is_json() {
        let fields = json!({
            "agent": agent.as_str(),
            "id": id.to_string(),
            "path": args.path,
            "resolved": args.resolved,
            "masked": found.masked,
            "value": found.value,
        });
        ctx.out.json(fields)?;
        return Ok(Exit::Done);
    }
    if found.masked && whole {
        ctx.out.say("secrets are masked; --reveal shows them");
    }
    ctx.out.raw(&bytes(&found.value, args.raw))?;
    Ok(Exit::Done)
}

/// The revision that is named, or what served at a time.
pub(super) fn at(ctx: &Context, text: &str, at: Option<&When>) -> Result<Spec, CliError> {
    let mut spec: Spec = text.parse()?;
    if let Some(when) = at {
        if spec.explicit {
            return Err(CliError::usage(format!("'{text}' names a revision, and --at another"))
                .hint(spec.agent.to_string()));
        }
        (spec.revision, spec.explicit) = (Revision::At(when.instant(ctx)), true);
    }
    Ok(spec)
}

/// What is printed.
struct Found {
    value: Value,
    masked: bool,
}

impl Found {
    fn new(value: Value, reveal: bool) -> Self {
        if reveal {
            return Self { value, masked: false };
        }
        match masked(&value) {
            None => Self { value, masked: false },
            Some(shown) => Self { value: shown, masked: true },
        }
    }
}

fn document(agents: &Agents, id: &ObjectId, args: &Args) -> Result<Found, CliError> {
    let value = if args.resolved { strict::parse(&agents.resolved(id)?)? } else { agents.config(id)?.value };
    Ok(Found::new(value, args.reveal))
}

fn field(agents: &Agents, id: &ObjectId, args: &Args, wanted: &Path) -> Result<Found, CliError> {
    // Masked as a whole: what stands around a value may be what tells a secret.
    if args.resolved {
        let whole = document(agents, id, args)?;
        let value = path::resolve(&whole.value, wanted, &ListKeys::new());
        let value = value.map_err(|error| CliError::new(Kind::NotFound, error.to_string()))?.clone();
        return Ok(Found { value, masked: whole.masked });
    }
    let mut config = agents.config(id)?;
    let whole = Found::new(std::mem::take(&mut config.value), args.reveal);
    let full = config.profile.resolve_path(wanted);
    let missing = match path::resolve(&whole.value, &full, config.profile.list_keys()) {
        Ok(value) => return Ok(Found { value: value.clone(), masked: whole.masked }),
        Err(error) => error,
    };
    let name = wanted.to_string();
    let blocks = config.profile.split(&whole.value).unwrap_or_default();
    match blocks.into_iter().find(|(block, _)| block.as_str() == name) {
        Some((_, Content::Text(text))) => Ok(Found { value: Value::String(text), masked: whole.masked }),
        Some((_, Content::Json(value))) => Ok(Found { value, masked: whole.masked }),
        None if config.profile.blocks().iter().any(|spec| spec.name.as_str() == name) => {
            Err(CliError::new(Kind::NotFound, format!("this config has no block '{name}'")))
        }
        None => Err(CliError::new(Kind::NotFound, missing.to_string())),
    }
}

/// A text as it is, with a line feed at its end; everything else as JSON. Raw, nothing is added.
fn bytes(value: &Value, raw: bool) -> Vec<u8> {
    match value {
        Value::String(text) => {
            let mut bytes = text.clone().into_bytes();
            if !raw && !text.ends_with('\n') {
                bytes.push(b'\n');
            }
            bytes
        }
        value if raw => canonical::to_vec(value),
        value => canonical::pretty(value).into_bytes(),
    }
}
