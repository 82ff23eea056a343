/// The kernel's random bits (`getrandom`, through the standard library).
public struct SystemRandom: RandomSource {
    /// Makes a source; there is no state.
    public init() {}

    /// 64 random bits.
    public func next() -> UInt64 {
        var generator = SystemRandomNumberGenerator()
        return generator.next()
    }
}
