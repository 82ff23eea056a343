/// Contiguous bytes that can be lent: what keys and values may be. A type of yours joins by lending its storage.
public protocol ByteSource: ~Copyable, ~Escapable {
    /// Calls `body` with the bytes, once, and returns what it returns.
    func withBytes<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R
}

extension RawSpan: ByteSource {
    /// Lends itself.
    @inlinable
    public func withBytes<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R { try body(self) }
}

extension Array: ByteSource where Element == UInt8 {
    /// Lends the elements.
    @inlinable
    public func withBytes<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
        try unsafe body(span.bytes)
    }
}

extension ArraySlice: ByteSource where Element == UInt8 {
    /// Lends the elements.
    @inlinable
    public func withBytes<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
        try unsafe body(span.bytes)
    }
}

extension String: ByteSource {
    /// Lends the UTF-8 code units.
    @inlinable
    public func withBytes<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
        try unsafe body(utf8Span.span.bytes)
    }
}
