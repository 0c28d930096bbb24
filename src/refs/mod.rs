//! Names that move: handles, ref names, targets, and what a writer expects to find. Pure values;
//! where refs are kept is the backend's business.

mod handle;
mod name;

pub use handle::{Handle, HandleError};
pub use name::{Expected, RefName, RefNameError, Shape, Target, TargetError};
