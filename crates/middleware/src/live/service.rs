use std::marker::PhantomData;
use std::sync::Arc;

use msgs::{CdrError, Service};
use tokio::sync::Notify;

use crate::backend::{self, Backend, BackendError, Requests, ServiceType};

/// Why a request or its answer is lost.
#[derive(Debug, thiserror::Error)]
pub(super) enum ServiceError {
    #[error(transparent)]
    Backend(#[from] BackendError),
    #[error("service {service}: {source}")]
    Cdr { service: String, source: CdrError },
}

/// Answers requests of one type.
pub(super) struct Server<S> {
    name: Arc<str>,
    requests: Requests,
    marker: PhantomData<fn() -> S>,
}

/// Takes the answer to one request.
pub(super) struct Answer<S> {
    service: Arc<str>,
    answer: backend::Answer,
    marker: PhantomData<fn(S)>,
}

/// A request with the way of its answer.
pub(super) type Asked<S> = (<S as Service>::Request, Answer<S>);

impl<S: Service> Server<S> {
    /// Offers `{node}/{name}`; `asked` is woken when a request comes.
    pub fn new(backend: &dyn Backend, node: &str, name: &str, asked: &Arc<Notify>) -> Result<Self, BackendError> {
        let full = format!("/{}/{name}", node.trim_start_matches('/'));
        let requests = backend.service(node, &full, ServiceType::of::<S>(), asked)?;
        Ok(Self { name: full.into(), requests, marker: PhantomData })
    }

    /// The oldest request that waits.
    pub fn take(&self) -> Result<Option<Asked<S>>, ServiceError> {
        let Some(backend::Request { cdr, answer }) = (self.requests)()? else { return Ok(None) };
        let error = |source| ServiceError::Cdr { service: String::from(&*self.name), source };
        let request = msgs::from_cdr(&cdr).map_err(error)?;
        Ok(Some((request, Answer { service: Arc::clone(&self.name), answer, marker: PhantomData })))
    }
}

impl<S: Service> Answer<S> {
    pub fn send(self, response: &S::Response) -> Result<(), ServiceError> {
        let error = |source| ServiceError::Cdr { service: String::from(&*self.service), source };
        Ok((self.answer)(&msgs::to_cdr(response).map_err(error)?)?)
    }
}
