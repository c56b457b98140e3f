//! How demanding a request looks, from its words alone.
//
// CONTRACT
// pub struct Features { … the 28 numbers of routing.md 2.1 … } one pass over the text; pub fn features(text: &str) -> Features; impl Features { pub fn values(&self) -> [f32; 28]; pub const NAMES: [&str; 28]; pub const SCHEMA_HASH }
// /// 0 (simple) … 1 (hard); a documented monotone formula, no magic per-test keywords.
// pub fn lexical_score(features: &Features) -> f32;
// pub fn tier(score: f32, cuts: Cuts { simple_below: f32, hard_from: f32 }) -> config::Tier;   (config is layer 1: allowed)
