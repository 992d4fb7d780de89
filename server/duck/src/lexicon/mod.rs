//! Words that people have for what role types and parameters say. Where a type or parameter has no entry here, its own name and
//! documentation give the words.

mod choices;
mod loss;
mod params;
mod types;

pub use choices::{CHOICES, ChoiceWords};
pub use loss::{ASKS, DISPOSABLE, LOST, STAYS, TAKEN_AWAY};
pub use params::{PARAMS, ParamWords};
pub use types::{TYPES, TypeWords};
