//! What goes to the screen: data and talk, colours, tables, the pager, progress. Knows no verb and
//! no store.

mod output;
mod plain;
mod progress;
mod sink;
mod style;
mod table;
mod traffic;

pub(crate) use output::{Options, Output, Report};
pub(crate) use plain::{plain, plain_line};
pub(crate) use progress::Progress;
pub(crate) use style::{ColorChoice, Style};
pub(crate) use table::{Cell, Table};
pub(crate) use traffic::Traffic;
