//! How demanding a request looks, from its words alone.
//!
//! Twenty-eight plain numbers, taken in one pass that costs about a microsecond per kilobyte, serve
//! two readers: a trained head, where an operator has one, and [`lexical_score`], a formula fixed in
//! advance that knows no test set. The formula is a modest judge, because words say more about the kind of a request
//! than about the instance; it orders requests, and the cuts between tiers belong to the operator's own traffic.

mod features;
mod lexicon;
mod score;

pub use features::Features;
pub use features::TEXT_BYTES_MAX;
pub use features::features;
pub use score::Cuts;
pub use score::lexical_score;
pub use score::tier;
