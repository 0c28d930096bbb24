//! What was measured, as lines of one table: the operation, recto's figure, each rival's, the ratio
//! and what it ought to be.

#![allow(clippy::print_stdout, reason = "a bench prints its results")]

use std::time::Duration;

/// A bound on recto's figure.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    /// At most so many times the rival's time (or bytes).
    AtMost(f64),
    /// At least so many times the rival's rate.
    AtLeast(f64),
    /// At most so long, whatever the rival does.
    Within(Duration),
    /// Exactly so many.
    Exactly(u64),
    /// For comparison only.
    None,
}

/// Prints the heading of a group of measurements.
pub(crate) fn group(title: &str) {
    println!("\n{title}");
    println!(
        "  {:<44} {:>12} {:>24} {:>12} {:>8}  {:<12}",
        "operation", "recto", "rival", "", "ratio", "target"
    );
}

/// Prints a remark below the group's lines.
pub(crate) fn remark(text: &str) {
    println!("  - {text}");
}

/// Prints a figure for a program that reads it.
pub(crate) fn bare(figure: u64) {
    println!("{figure}");
}

/// Prints a line of times.
pub(crate) fn times(operation: &str, recto: Duration, rival: &str, other: Duration, target: Target) {
    let ratio = recto.as_secs_f64() / other.as_secs_f64();
    line(
        operation,
        &shown(recto),
        rival,
        &shown(other),
        &format!("{ratio:.2}"),
        &verdict(target, recto.as_secs_f64(), ratio),
    );
}

/// Prints a line of rates, in operations per second.
pub(crate) fn rates(operation: &str, recto: f64, rival: &str, other: f64, target: Target) {
    let ratio = recto / other;
    let shown = |rate: f64| format!("{rate:.0}/s");
    line(
        operation,
        &shown(recto),
        rival,
        &shown(other),
        &format!("{ratio:.2}"),
        &verdict(target, recto, ratio),
    );
}

/// Prints a line of one time with nobody to compare with.
pub(crate) fn alone(operation: &str, recto: Duration, target: Target) {
    line(operation, &shown(recto), "", "", "", &verdict(target, recto.as_secs_f64(), 0.0));
}

/// Prints a line of a count.
pub(crate) fn count(operation: &str, found: u64, target: Target) {
    let exact = found as f64;
    line(operation, &found.to_string(), "", "", "", &verdict(target, exact, exact));
}

/// Prints a line of counts.
pub(crate) fn counts(operation: &str, recto: u64, rival: &str, other: u64, target: Target) {
    let ratio = recto as f64 / other as f64;
    line(
        operation,
        &recto.to_string(),
        rival,
        &other.to_string(),
        &format!("{ratio:.2}"),
        &verdict(target, recto as f64, ratio),
    );
}

/// Prints a line of sizes in bytes.
pub(crate) fn sizes(operation: &str, recto: u64, rival: &str, other: u64, target: Target) {
    let ratio = recto as f64 / other as f64;
    line(
        operation,
        &megabytes(recto),
        rival,
        &megabytes(other),
        &format!("{ratio:.2}"),
        &verdict(target, recto as f64, ratio),
    );
}

/// Prints a line of a rival's figure that recto has none for.
pub(crate) fn rival(operation: &str, rival: &str, other: &str) {
    line(operation, "-", rival, other, "", "-");
}

/// A size in words.
pub(crate) fn megabytes(bytes: u64) -> String {
    if bytes < 1_000_000 {
        return format!("{:.1} kB", bytes as f64 / 1e3);
    }
    format!("{:.1} MB", bytes as f64 / 1e6)
}

fn line(operation: &str, recto: &str, rival: &str, other: &str, ratio: &str, verdict: &str) {
    println!("  {operation:<44} {recto:>12} {rival:>24} {other:>12} {ratio:>8}  {verdict}");
}

fn verdict(target: Target, figure: f64, ratio: f64) -> String {
    let (met, text) = match target {
        Target::AtMost(most) => (ratio <= most, format!("<= {most:.2}")),
        Target::AtLeast(least) => (ratio >= least, format!(">= {least:.2}")),
        Target::Within(most) => (figure <= most.as_secs_f64(), format!("<= {}", shown(most))),
        Target::Exactly(wanted) => ((figure - wanted as f64).abs() < 0.5, format!("= {wanted}")),
        Target::None => return "-".to_owned(),
    };
    format!("{text:<12} {}", if met { "met" } else { "MISSED" })
}

/// A time in words.
pub(crate) fn shown(time: Duration) -> String {
    let us = time.as_secs_f64() * 1e6;
    match us {
        us if us < 1000.0 => format!("{us:.1} us"),
        us if us < 1e6 => format!("{:.2} ms", us / 1e3),
        us => format!("{:.2} s", us / 1e6),
    }
}
