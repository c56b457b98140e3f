//! Chunked transfer coding, as an incremental decoder that is indifferent to how bytes are split.
//
// CONTRACT
// pub struct ChunkedDecoder { … } with limits: size ≤ 16 hex digits, extensions ≤ 256 B in total, trailers ≤ 8 KB
// impl ChunkedDecoder {
//   pub fn new() -> Self;
//   /// Consumes from `input`, appends payload to `out`; tells how much of `input` was consumed and whether the body ended.
//   pub fn decode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<Progress /* { consumed: usize, done: bool } */, ChunkFault>;
//   /// Same in place: compacts payload to the front of `bytes[from..]`, for a buffer that already holds the chunks.
//   pub fn decode_in_place(&mut self, bytes: &mut Vec<u8>, from: usize) -> Result<Progress2 /* { payload_end, leftover: Range<usize>, done } */, ChunkFault>;
// }
// pub fn write_chunk(payload: &[u8], out: &mut Vec<u8>);  pub const END: &[u8] = b"0\r\n\r\n";
