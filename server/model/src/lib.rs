//! Language models: who is asked ([`config`]), what leaves the machine ([`mask`], [`consent`]), and how the answer comes back
//! ([`Provider::stream`]).
//!
//! Nothing here knows what a spec or a role is. Nothing is sent but by [`Provider::stream`] and [`Provider::embed`], and those mask secrets
//! themselves, whatever their caller did. Dropping the stream closes the connection at once.

pub mod config;
pub mod consent;
mod dialect;
pub mod endpoint;
pub mod key;
pub mod mask;
mod message;
#[cfg(feature = "mock")]
pub mod mock;
mod provider;
mod reader;
pub mod tokens;

pub use config::{configured, configured_in, embeddings};
pub use consent::Consent;
pub use dialect::Dialect;
pub use endpoint::Endpoint;
pub use message::{Event, Finish, Message, Request, Role, Usage};
pub use provider::{Answer, Pause, Provider, Reply};
