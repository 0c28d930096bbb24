//! The interrupt key for work that must stop between two steps rather than in the middle of one.
//! Every other verb is simply ended by the signal.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::error::Kind;

use super::error::{CliError, exit_code};

/// Watches for the interrupt key and for a request to end.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Starts to watch: the first signal is only noted, a second one ends the process.
    ///
    /// # Errors
    /// When the system does not let a program watch for signals.
    pub(crate) fn watch() -> Result<Self, CliError> {
        let noted = Arc::new(AtomicBool::new(false));
        let code = i32::from(exit_code(Kind::Interrupted));
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_shutdown(signal, code, Arc::clone(&noted))
                .and_then(|_| flag::register(signal, Arc::clone(&noted)))
                .map_err(|error| CliError::new(Kind::Io, format!("cannot watch for signals: {error}")))?;
        }
        Ok(Self(noted))
    }

    /// The flag itself, for layers that take one.
    pub(crate) fn flag(&self) -> &AtomicBool {
        &self.0
    }
}
