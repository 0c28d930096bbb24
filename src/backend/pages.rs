//! The agents of a store, page by page.

use crate::refs::Handle;

use super::{Backend, BackendError};

/// Goes through all agents in order of their handles, `limit` at a time; no page is empty. An error ends it.
pub fn pages<B: Backend + ?Sized>(backend: &B, limit: usize) -> Pages<'_, B> {
    Pages { backend, limit, after: None, over: false }
}

/// An iterator over pages of agents.
#[derive(Debug)]
pub struct Pages<'b, B: ?Sized> {
    backend: &'b B,
    limit: usize,
    after: Option<Handle>,
    over: bool,
}

impl<B: Backend + ?Sized> Iterator for Pages<'_, B> {
    type Item = Result<Vec<Handle>, BackendError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let page = self.backend.agents(self.after.as_ref(), self.limit);
        match &page {
            Ok(handles) => self.after = Some(handles.last()?.clone()),
            Err(_) => self.over = true,
        }
        Some(page)
    }
}
