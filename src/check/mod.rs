//! Findings about a config at publish time, and masks for the secrets it should not hold. Pure:
//! takes values, returns values. Knows nothing of files, of HTTP or of what prints the findings.

mod context;
mod finding;
mod hints;
mod host;
mod keys;
mod mask;
pub mod output;
mod patterns;
mod phones;
mod prompts;
mod rules;
mod secrets;
mod urls;
mod variables;
mod walk;

use serde_json::Value;

pub use context::Context;
pub use finding::{Finding, Offending, Report, Severity, fingerprint};
pub use mask::{contains_mask, mask_at, mask_text, mask_value, masked};
pub use rules::{RULES, Rule};
pub use variables::SYSTEM_VARIABLES;

use finding::Findings;

/// Checks a config in its API shape against every rule of [`RULES`].
///
/// The order is that of the document with keys sorted, so it depends on the config alone. The
/// time is linear in the size of the config.
pub fn check(config: &Value, context: &Context) -> Vec<Finding> {
    let known = variables::Known::collect(config, context);
    let graph = config.get("workflowType").and_then(Value::as_str) == Some("workflow_graph");
    let mut findings = Findings::default();
    walk::walk(config, &mut |site, scalar| {
        let mut at_site = findings.at(site, context);
        match scalar {
            walk::Scalar::Key(key) => secrets::check_key(key, &mut at_site),
            walk::Scalar::Text(text) => {
                mask::check(site, text, &mut at_site);
                secrets::check_text(site, text, &mut at_site);
                urls::check(site, text, &mut at_site);
                phones::check(site, text, context, &mut at_site);
                prompts::check(site, text, graph, &mut at_site);
                known.check(site, text, &mut at_site);
            }
            walk::Scalar::Number(number) => phones::check_number(site, number, &mut at_site),
        }
    });
    findings.into_vec()
}

#[cfg(test)]
mod tests;
