//! A route: what it is asked, what it answers, who may, and what works on it. The API's description is made of
//! these, so that no route is without one.

use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter, on};
use std::sync::Arc;

use utoipa::openapi::path::{HttpMethod, Parameter, ParameterIn};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{Ref, RefOr};
use utoipa::{IntoParams, ToSchema};

use crate::access::Role;
use crate::server::call::Shared;

/// A schema, and where it is found.
pub(super) type Named = (String, RefOr<Schema>);

/// A route.
pub(super) struct Route {
    pub(super) path: &'static str,
    pub(super) method: HttpMethod,
    pub(super) role: Role,
    /// What it does, in a line.
    pub(super) says: &'static str,
    /// Whether it makes something: 201, and an `Idempotency-Key` is taken.
    pub(super) makes: bool,
    /// Whether it is answered without a turn.
    pub(super) at_once: bool,
    /// Whether what it is about has tags.
    pub(super) tagged: bool,
    pub(super) query: Vec<Parameter>,
    pub(super) takes: Option<Ref>,
    pub(super) gives: Option<Ref>,
    /// The type of what is answered where it is no JSON.
    pub(super) gives_type: &'static str,
    pub(super) schemas: Vec<Named>,
    pub(super) handler: MethodRouter<Arc<Shared>>,
}

impl Route {
    fn new<H: Handler<T, Arc<Shared>>, T: 'static>(
        (method, filter): (HttpMethod, MethodFilter),
        (path, role, says): (&'static str, Role, &'static str),
        handler: H,
    ) -> Self {
        let handler = on(filter, handler).layer(DefaultBodyLimit::disable());
        let gives_type = "application/json";
        Self {
            path,
            method,
            role,
            says,
            makes: false,
            at_once: false,
            tagged: true,
            query: Vec::new(),
            takes: None,
            gives: None,
            gives_type,
            schemas: Vec::new(),
            handler,
        }
    }

    /// Reads.
    pub(super) fn get<H: Handler<T, Arc<Shared>>, T: 'static>(
        path: &'static str,
        says: &'static str,
        handler: H,
    ) -> Self {
        Self::new((HttpMethod::Get, MethodFilter::GET), (path, Role::Reader, says), handler)
    }

    /// Does something.
    pub(super) fn post<H: Handler<T, Arc<Shared>>, T: 'static>(
        path: &'static str,
        role: Role,
        says: &'static str,
        handler: H,
    ) -> Self {
        Self::new((HttpMethod::Post, MethodFilter::POST), (path, role, says), handler)
    }

    /// Makes something.
    pub(super) fn make<H: Handler<T, Arc<Shared>>, T: 'static>(
        path: &'static str,
        role: Role,
        says: &'static str,
        handler: H,
    ) -> Self {
        Self { makes: true, ..Self::post(path, role, says, handler) }
    }

    /// Changes something.
    pub(super) fn patch<H: Handler<T, Arc<Shared>>, T: 'static>(
        path: &'static str,
        role: Role,
        says: &'static str,
        handler: H,
    ) -> Self {
        Self::new((HttpMethod::Patch, MethodFilter::PATCH), (path, role, says), handler)
    }

    /// Replaces something.
    pub(super) fn put<H: Handler<T, Arc<Shared>>, T: 'static>(
        path: &'static str,
        role: Role,
        says: &'static str,
        handler: H,
    ) -> Self {
        Self::new((HttpMethod::Put, MethodFilter::PUT), (path, role, says), handler)
    }

    /// Takes something away.
    pub(super) fn delete<H: Handler<T, Arc<Shared>>, T: 'static>(
        path: &'static str,
        role: Role,
        says: &'static str,
        handler: H,
    ) -> Self {
        Self::new((HttpMethod::Delete, MethodFilter::DELETE), (path, role, says), handler)
    }

    /// The same, about something that has no tags.
    pub(super) fn untagged(self) -> Self {
        Self { tagged: false, ..self }
    }

    /// The same, for another role.
    pub(super) fn takes_role(self, role: Role) -> Self {
        Self { role, ..self }
    }

    /// The same, answered without a turn.
    pub(super) fn at_once(self, gives_type: &'static str) -> Self {
        Self { at_once: true, gives_type, ..self }
    }

    /// The same, with what may stand after the question mark.
    pub(super) fn query<Q: IntoParams>(self) -> Self {
        Self { query: Q::into_params(|| Some(ParameterIn::Query)), ..self }
    }

    /// The same, with the body that it takes.
    pub(super) fn takes<T: ToSchema>(mut self) -> Self {
        self.takes = Some(self.named::<T>());
        self
    }

    /// The same, with what it answers.
    pub(super) fn gives<T: ToSchema>(mut self) -> Self {
        self.gives = Some(self.named::<T>());
        self
    }

    fn named<T: ToSchema>(&mut self) -> Ref {
        T::schemas(&mut self.schemas);
        self.schemas.push((T::name().into_owned(), T::schema()));
        Ref::from_schema_name(T::name())
    }

    /// The names in its path.
    pub(super) fn places(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }
}
