//! The rule against prompts without text.

use super::finding::{AtSite, Found};
use super::rules::EMPTY_PROMPT;
use super::walk::Site;

/// Fields that hold what an agent is told to be.
const PROMPT_KEYS: [&str; 6] =
    ["prompt", "globalPrompt", "instructions", "systemPrompt", "system_prompt", "system_message"];

/// Reports an empty prompt; `graph` says that the agent's prompts are those of its graph.
pub(super) fn check(site: &Site<'_>, text: &str, graph: bool, out: &mut AtSite<'_>) {
    let Some(key) = PROMPT_KEYS.iter().find(|key| **key == site.key) else { return };
    let single = site.keys().next() == Some("singlePromptConfig");
    let unused = if *key == "globalPrompt" { !graph } else { single && graph };
    if !unused && text.trim().is_empty() {
        out.add(EMPTY_PROMPT, text, Found::message(format!("prompt without text: '{key}'")));
    }
}
