//! The duck: it listens to an explanation of a spec, and says what of the spec's facts it told, missed and got wrong.
//!
//! [`derive()`] turns an analysed spec into facts; [`reflect()`] compares an explanation with them. Neither needs a network or a
//! model, and neither touches the machine. With a language model, [`verdict`] gives it the same facts as ground, and
//! merges what it finds with what was found without it.

pub mod code;
pub mod derive;
pub mod fact;
pub mod gaming;
pub mod hearing;
pub mod history;
pub mod json;
pub mod lexicon;
pub mod matching;
pub mod question;
pub mod reflect;
pub mod text;
pub mod verdict;

pub use derive::derive;
pub use fact::{Fact, Facts, Kind};
pub use gaming::Gamed;
pub use matching::{Finding, Told};
pub use reflect::{Reflection, reflect};
