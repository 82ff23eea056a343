internal import CLZ4

/// Compresses with LZ4; keeps the compressor's working memory from one call to the next.
@safe
package final class Compressor {
    private let state: UnsafeMutableRawPointer

    package init() {
        unsafe state = .allocate(byteCount: Int(LZ4_sizeofState()), alignment: 16)
    }

    deinit { unsafe state.deallocate() }

    /// Appends `bytes` compressed to `output` and returns true, or appends nothing and returns false where that would
    /// not save an eighth.
    package func compress(_ bytes: ByteView, into output: ByteWriter) -> Bool {
        let limit = bytes.count - bytes.count / 8
        guard limit > 0 else { return false }
        let written = unsafe output.appendUninitialized(limit) { target in
            unsafe Int(
                LZ4_compress_fast_extState(
                    state, bytes.base.assumingMemoryBound(to: CChar.self),
                    target.assumingMemoryBound(to: CChar.self), Int32(bytes.count), Int32(limit), 1))
        }
        return written > 0
    }
}

extension ByteView {
    /// Decompresses an LZ4 block into exactly `count` bytes at `target`; false where it does not give so many.
    @unsafe package func decompress(into target: UnsafeMutableRawPointer, count: Int) -> Bool {
        unsafe Int(
            LZ4_decompress_safe(
                base.assumingMemoryBound(to: CChar.self), target.assumingMemoryBound(to: CChar.self),
                Int32(self.count), Int32(count))) == count
    }
}
