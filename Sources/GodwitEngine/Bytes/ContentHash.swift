internal import CXXHash

/// The XXH3-64 (seed 0) of bytes that come in pieces: of a file that is too large to be held whole.
@safe
package final class ContentHash {
    private let stream: UnsafeMutableRawPointer

    package init() {
        guard let stream = unsafe godwit_hash_stream_make() else { fatalError("out of memory") }
        unsafe self.stream = unsafe stream
    }

    deinit { unsafe godwit_hash_stream_free(stream) }

    /// Takes the next bytes.
    package func update(_ bytes: ByteView) { unsafe godwit_hash_stream_update(stream, bytes.base, bytes.count) }

    /// The hash of all bytes so far.
    package var digest: UInt64 { unsafe godwit_hash_stream_digest(stream) }
}
