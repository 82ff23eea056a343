internal import Synchronization
public import GodwitEngine

/// Chance that one seed decides: the same seed gives the same numbers on every machine. It is a `RandomSource` for an
/// engine and a `RandomNumberGenerator` for tests; may be shared between threads (whose order then counts).
public final class SeededRandom: RandomSource, RandomNumberGenerator {
    private let state: Locked<Xoshiro>

    /// Starts the sequence that `seed` stands for.
    public init(seed: UInt64) { state = Locked(Xoshiro(seed: seed)) }

    /// The next 64 random bits.
    public func next() -> UInt64 { state.withLock { $0.next() } }

    /// A number from 0 to `bound - 1`; `bound` must be above zero.
    public func below(_ bound: Int) -> Int { state.withLock { $0.below(bound) } }

    /// A number from `range`.
    public func within(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + below(range.upperBound - range.lowerBound + 1)
    }

    /// True in `wins` of `outOf` cases.
    public func chance(_ wins: Int, in outOf: Int) -> Bool { below(outOf) < wins }

    /// As many random bytes.
    public func bytes(_ count: Int) -> [UInt8] {
        state.withLock { state in (0..<count).map { _ in UInt8(truncatingIfNeeded: state.next() >> 32) } }
    }

    /// An element of a collection that is not empty.
    public func pick<C: RandomAccessCollection>(_ choices: C) -> C.Element {
        choices[choices.index(choices.startIndex, offsetBy: below(choices.count))]
    }

    /// Another sequence, which the next number of this one decides.
    public func fork() -> SeededRandom { SeededRandom(seed: next()) }
}

/// The generator behind everything here that is left to chance: xoshiro256**, seeded through SplitMix64.
struct Xoshiro {
    private var words: (UInt64, UInt64, UInt64, UInt64)

    init(seed: UInt64) {
        var splitMix = seed
        func mix() -> UInt64 {
            splitMix &+= 0x9E37_79B9_7F4A_7C15
            var word = splitMix
            word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
            word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
            return word ^ (word >> 31)
        }
        words = (mix(), mix(), mix(), mix())
    }

    mutating func next() -> UInt64 {
        func rotate(_ word: UInt64, _ by: UInt64) -> UInt64 { (word << by) | (word >> (64 - by)) }
        let result = rotate(words.1 &* 5, 7) &* 9
        let shifted = words.1 << 17
        words.2 ^= words.0
        words.3 ^= words.1
        words.1 ^= words.2
        words.0 ^= words.3
        words.2 ^= shifted
        words.3 = rotate(words.3, 45)
        return result
    }

    /// A number from 0 to `bound - 1`: the upper half of a 128-bit product, whose bias is below 2^-32 here.
    mutating func below(_ bound: Int) -> Int {
        precondition(bound > 0, "a random number below \(bound) does not exist")
        return Int(next().multipliedFullWidth(by: UInt64(bound)).high)
    }
}
