//! Request limits per virtual key.
//
// CONTRACT
// /// Requests per minute as a token bucket in GCRA form: one AtomicU64 shared by all shards, one CAS per request, so the
// /// limit is exact whatever shard a client's connection lands on. Survives reload by key name.
// pub struct RequestRate { limit: u32, state: AtomicU64 }
// impl RequestRate { pub fn new(per_minute: u32) -> Self; pub fn admit(&self, now: Tick) -> Verdict; pub fn limit(&self) -> u32 }
// pub enum Verdict { Admitted(Allowance), Refused { retry_after: Duration, allowance: Allowance } }
// pub struct Allowance { pub limit: u32, pub remaining: u32, pub reset: Duration }   // reset = until the bucket is full again
// burst = limit; refill evenly (limit/60 per second).
// pub fn openai_duration(d: Duration, out: &mut Vec<u8>)  // "1s", "6m0s", "20ms" style of x-ratelimit-reset-*
