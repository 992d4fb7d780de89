//! Prompts: files with parameters ([`library`]), context chosen by words in the text ([`words`], [`context`]), a budget of tokens
//! ([`budget`]), and specs written from prose and checked ([`draft`]).
//!
//! [`prepare`] works out what would be sent, and sends nothing; [`run`] sends it.

pub mod budget;
pub mod context;
pub mod draft;
mod ground;
pub mod library;
mod prepare;
mod run;
pub mod words;

pub use context::{Recall, Selection, World};
pub use library::{Answer, Prompt};
pub use prepare::{Ask, Limits, Prepared, prepare};
pub use run::{Event, Outcome, Place, run};
