//! The rules about addresses that a vendor's servers call: encrypted, and not in a private
//! network. Splits addresses as browsers do, so that odd spellings do not slip through.

use super::finding::{AtSite, Found};
use super::host::private_reason;
use super::keys::is_allowlist;
use super::mask::mask_text;
use super::rules::{PLAIN_URL, PRIVATE_URL};
use super::walk::Site;

/// Reports an address in a string: in a field for addresses, or where it is the whole string.
pub(super) fn check(site: &Site<'_>, text: &str, out: &mut AtSite<'_>) {
    let field = site.facts.address;
    if !field && memchr::memmem::find(text.as_bytes(), b"://").is_none() {
        return;
    }
    let text = text.trim();
    let whole = text.contains("://") && !text.contains(char::is_whitespace);
    if !(whole || field) || text.is_empty() || site.keys().any(is_allowlist) {
        return;
    }
    let Some(url) = Url::split(text, field) else { return };
    let shown = mask_text(text);
    if let Some((plain, secure)) = url.plain() {
        let message = format!("address without encryption: '{shown}' uses {plain}, not {secure}");
        out.add(PLAIN_URL, text, Found::message(message));
    }
    if let Some(reason) = url.host.and_then(|host| private_reason(host, url.scheme.is_some())) {
        let message = format!("address that is not public: '{shown}' names {reason}");
        out.add(PRIVATE_URL, text, Found::message(message));
    }
}

/// The parts of an address that the rules look at.
struct Url<'a> {
    scheme: Option<&'a str>,
    /// Without user name and port; none if a template takes its place.
    host: Option<&'a str>,
}

/// Schemes that open a connection.
const SCHEMES: [&str; 4] = ["http", "https", "ws", "wss"];

impl<'a> Url<'a> {
    /// Splits an address; one without a scheme only if `bare` says that it is an address.
    fn split(text: &'a str, bare: bool) -> Option<Self> {
        let scheme_end =
            text.find(':').filter(|at| SCHEMES.iter().any(|s| text[..*at].eq_ignore_ascii_case(s)));
        let rest = match scheme_end {
            Some(at) => &text[at + 1..],
            None if bare && !text.starts_with('/') && !text.contains("://") => text,
            None => return None,
        };
        let rest = if scheme_end.is_some() { rest.trim_start_matches(['/', '\\']) } else { rest };
        let authority = &rest[..rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len())];
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let port_at = if host.starts_with('[') { host.find(']').map(|at| at + 1) } else { host.find(':') };
        let host = &host[..port_at.unwrap_or(host.len())];
        let templated = host.contains(['{', '}', '<', '>', '$']) || host.contains(char::is_whitespace);
        Some(Self {
            scheme: scheme_end.map(|at| &text[..at]),
            host: (!templated && !host.is_empty()).then_some(host),
        })
    }

    /// The unencrypted scheme and the one to use.
    fn plain(&self) -> Option<(&'static str, &'static str)> {
        let scheme = self.scheme?;
        [("http", "https"), ("ws", "wss")].into_iter().find(|(plain, _)| scheme.eq_ignore_ascii_case(plain))
    }
}
