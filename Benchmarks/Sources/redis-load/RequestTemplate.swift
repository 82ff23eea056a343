/// A request whose numbers are written anew each time.
struct RequestTemplate {
    /// Digits of a number.
    private static let digits = 12

    private var bytes: [UInt8] = []
    private var randomPlaces: [Int] = []
    private var countingPlaces: [Int] = []
    private let keys: UInt64
    private var state: UInt64
    private var next: UInt64 = 0

    init(_ words: [String], keys: Int, valueSize: Int, seed: UInt64) {
        self.keys = UInt64(keys)
        state = seed
        let value = Self.value(valueSize, seed: seed)
        bytes = Array("*\(words.count)\r\n".utf8)
        for word in words {
            var content: [UInt8] = []
            var places: [(Int, isRandom: Bool)] = []
            var rest = word[...]
            while let brace = rest.firstIndex(of: "{") {
                content += Array(rest[..<brace].utf8)
                rest = rest[brace...]
                if rest.hasPrefix("{value}") {
                    content += value
                    rest = rest.dropFirst("{value}".count)
                } else if rest.hasPrefix("{key}") || rest.hasPrefix("{next}") {
                    let isRandom = rest.hasPrefix("{key}")
                    places.append((content.count, isRandom))
                    content += Array(repeating: UInt8(ascii: "0"), count: Self.digits)
                    rest = rest.dropFirst(isRandom ? "{key}".count : "{next}".count)
                } else {
                    content.append(UInt8(ascii: "{"))
                    rest = rest.dropFirst()
                }
            }
            content += Array(rest.utf8)
            bytes += Array("$\(content.count)\r\n".utf8)
            for (place, isRandom) in places {
                if isRandom { randomPlaces.append(bytes.count + place) } else { countingPlaces.append(bytes.count + place) }
            }
            bytes += content + [13, 10]
        }
    }

    /// Appends the next request.
    mutating func append(to buffer: inout [UInt8]) {
        for place in randomPlaces { write(draw() % keys, at: place) }
        for place in countingPlaces {
            write(next, at: place)
            next += 1
        }
        buffer.append(contentsOf: bytes)
    }

    private mutating func write(_ number: UInt64, at place: Int) {
        var rest = number
        for position in stride(from: place + Self.digits - 1, through: place, by: -1) {
            bytes[position] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
    }

    /// SplitMix64.
    private mutating func draw() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Half letters that repeat, half that do not.
    private static func value(_ size: Int, seed: UInt64) -> [UInt8] {
        var generator = SystemlessGenerator(state: seed)
        return (0..<size).map { index in
            index % 2 == 0 ? UInt8(ascii: "v") : UInt8.random(in: 33...126, using: &generator)
        }
    }
}

/// A generator that depends on its seed only.
private struct SystemlessGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ (state >> 33)
    }
}
