//! The rule about telephone numbers that calls are sent to: E.164, as the networks dial.

use serde_json::Number;

use super::context::Context;
use super::finding::{AtSite, Found};
use super::keys::PhoneField;
use super::rules::PHONE;
use super::walk::Site;

/// Fewest and most digits of a number, country code included.
const DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// Reports a telephone number in a string.
pub(super) fn check(site: &Site<'_>, text: &str, context: &Context, out: &mut AtSite<'_>) {
    let Some(field) = field_at(site) else { return };
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let sip = ["sip:", "sips:"].iter().any(|scheme| text.starts_with(scheme)) && !context.only_e164();
    let templated = text.contains("{{") || text.contains("${");
    let no_number = field == PhoneField::Number && (digits == 0 || letters > digits);
    if is_e164(text) || sip || templated || no_number {
        return;
    }
    report(text, out);
}

/// Reports a telephone number that is written as a JSON number.
pub(super) fn check_number(site: &Site<'_>, number: &Number, out: &mut AtSite<'_>) {
    if field_at(site).is_some() {
        report(&number.to_string(), out);
    }
}

/// What the field says, unless it is a variable's value, which is spoken and not dialled.
fn field_at(site: &Site<'_>) -> Option<PhoneField> {
    let field = site.facts.phone?;
    let spoken = site.keys().any(|key| ["defaultVariables", "default_variables", "variables"].contains(&key));
    (!spoken).then_some(field)
}

fn report(text: &str, out: &mut AtSite<'_>) {
    let shown: String = text.chars().filter(|c| !c.is_control()).take(40).collect();
    let mut message = format!("telephone number that is not in E.164 form: '{shown}'");
    if let Some(better) = corrected(text) {
        message.push_str(", write '");
        message.push_str(&better);
        message.push('\'');
    }
    out.add(PHONE, text, Found::message(message));
}

fn is_e164(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        DIGITS.contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|b| b.is_ascii_digit())
    })
}

/// The number in E.164 form, if nothing has to be guessed: it has its country code, or the
/// eleven digits of a North American number.
fn corrected(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches("tel:").trim();
    let international = text.starts_with('+') || text.starts_with("00");
    let trunk_dropped = if international { text.replacen("(0)", "", 1) } else { text.to_owned() };
    if trunk_dropped.contains(|c: char| !(c.is_ascii_digit() || "+ -.()/\u{a0}\u{2011}\u{2013}".contains(c)))
    {
        return None;
    }
    let digits: String = trunk_dropped.chars().filter(char::is_ascii_digit).collect();
    let number = match digits.strip_prefix("00") {
        Some(rest) => format!("+{rest}"),
        None if international || (digits.len() == 11 && digits.starts_with('1')) => format!("+{digits}"),
        None => return None,
    };
    is_e164(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_corrected_only_if_nothing_is_guessed() {
        let check =
            |text: &str, expected: Option<&str>| assert_eq!(corrected(text).as_deref(), expected, "{text}");
        check("+1 (415) 555-0123", Some("+14155550123"));
        check("0049 30 23125014", Some("+493023125014"));
        check("+44 (0)20 7946 0958", Some("+442079460958"));
        check("tel:+14155550123", Some("+14155550123"));
        check("1-415-555-0123", Some("+14155550123"));
        check("415-555-0123", None);
        check("030 23125014", None);
        check("reception", None);
        check("+1 415 555 0123 ext 4", None);
    }
}
