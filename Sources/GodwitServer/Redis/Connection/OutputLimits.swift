internal import NIOCore

/// What a client that does not read may cost.
struct OutputLimits {
    /// How long replies may wait for it before it is cut off.
    var patience = TimeAmount.seconds(60)
    /// Bytes that wait for the socket before nothing more is done for it.
    static let highWater = 1 << 20
    static let lowWater = 256 << 10
}
