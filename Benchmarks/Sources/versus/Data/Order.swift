import Foundation

/// Which rows a run touches, in which order. Made before the run, so that all engines meet the same and drawing
/// numbers costs the run nothing.
enum Order {
    /// Every row as likely as any other.
    static func uniform(_ count: Int, of rows: Int, seed: UInt64) -> [UInt32] {
        var chance = Chance(seed: seed)
        return (0..<count).map { _ in UInt32(chance.next() % UInt64(rows)) }
    }

    /// Zipfian with exponent 0.99 over the rows (Gray et al., "Quickly Generating Billion-Record Synthetic Databases"),
    /// the popular ones spread over the key range, as YCSB does it.
    static func zipfian(_ count: Int, of rows: Int, seed: UInt64) -> [UInt32] {
        var chance = Chance(seed: seed)
        let zipf = Zipf(rows)
        return (0..<count).map { _ in UInt32(Chance.mix(UInt64(zipf.rank(chance.unit()))) % UInt64(rows)) }
    }

    /// From the first row on, again and again.
    static func sequential(_ count: Int, of rows: Int) -> [UInt32] {
        (0..<count).map { UInt32($0 % rows) }
    }

    /// Every row once, in a random order.
    static func permutation(of rows: Int, seed: UInt64) -> [UInt32] {
        var chance = Chance(seed: seed)
        return (0..<UInt32(rows)).shuffled(using: &chance)
    }
}

/// Ranks with a zipfian distribution.
struct Zipf {
    private static let theta = 0.99
    private let rows: Double
    private let zeta: Double
    private let eta: Double

    /// Over so many rows; takes time in proportion to them.
    init(_ count: Int) {
        rows = Double(count)
        zeta = (1...count).reduce(0.0) { $0 + pow(1 / Double($1), Self.theta) }
        let two = 1 + pow(0.5, Self.theta)
        eta = (1 - pow(2 / rows, 1 - Self.theta)) / (1 - two / zeta)
    }

    /// The rank, from 0 on, of a number from 0 up to 1.
    func rank(_ unit: Double) -> Int {
        let scaled = unit * zeta
        if scaled < 1 { return 0 }
        if scaled < 1 + pow(0.5, Self.theta) { return 1 }
        return min(Int(rows) - 1, Int(rows * pow(eta * unit - eta + 1, 1 / (1 - Self.theta))))
    }
}

/// SplitMix64.
struct Chance: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.mix(state)
    }

    /// From 0 up to, not including, 1.
    mutating func unit() -> Double { Double(next() >> 11) / Double(1 << 53) }

    static func mix(_ number: UInt64) -> UInt64 {
        var mixed = number
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
