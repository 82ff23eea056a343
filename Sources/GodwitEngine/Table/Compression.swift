/// How the blocks of a table are compressed. The raw values are stored.
public enum Compression: UInt8, Sendable {
    /// As they are.
    case none = 0
    /// LZ4 around each block.
    case lz4 = 1
}
