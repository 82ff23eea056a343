/// The rows of a store: keys of 16 bytes, values about half of which compresses, as db_bench makes them.
struct Dataset: Sendable {
    static let keyLength = 16

    let count: Int
    let valueLength: Int
    private let pool: ValuePool

    init(count: Int, valueLength: Int) {
        self.count = count
        self.valueLength = valueLength
        pool = ValuePool(valueLength: valueLength)
    }

    /// The value of a row; another `version` is another value.
    @inline(__always)
    func value(_ row: Int, version: Int = 0) -> UnsafeRawBufferPointer {
        pool.value(row &* 31 &+ version &* 7)
    }

    /// Bytes of all keys and values.
    var bytes: Int { count * (Self.keyLength + valueLength) }
}

/// Values cut from one stretch of memory, each piece of which repeats once: the second half of a value is its first.
private final class ValuePool: Sendable {
    private nonisolated(unsafe) let memory: UnsafeMutableRawPointer
    private let valueLength: Int
    private let places: Int

    init(valueLength: Int) {
        self.valueLength = valueLength
        places = max(1, (1 << 20) / valueLength)
        memory = .allocate(byteCount: places * valueLength, alignment: 64)
        var chance = Chance(seed: 301)
        let half = (valueLength + 1) / 2
        for place in 0..<places {
            for offset in 0..<valueLength {
                let at = place * valueLength + offset
                let byte =
                    offset < half
                    ? UInt8(truncatingIfNeeded: 32 + chance.next() % 95)
                    : memory.load(fromByteOffset: at - half, as: UInt8.self)
                memory.storeBytes(of: byte, toByteOffset: at, as: UInt8.self)
            }
        }
    }

    deinit { memory.deallocate() }

    @inline(__always)
    func value(_ number: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: memory + number % places * valueLength, count: valueLength)
    }
}

/// Room for one key: 16 decimal digits. Rows have the even numbers, so that every odd one is absent and within the
/// range.
struct KeyBuffer: ~Copyable {
    let pointer: UnsafeMutableRawPointer

    init() {
        pointer = .allocate(byteCount: Dataset.keyLength, alignment: 16)
        set(existing: 0)
    }

    deinit { pointer.deallocate() }

    /// The key's bytes.
    var view: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: pointer, count: Dataset.keyLength) }

    @inline(__always)
    func set(existing row: Int) { Self.write(row * 2, to: pointer) }

    @inline(__always)
    func set(absent row: Int) { Self.write(row * 2 + 1, to: pointer) }

    /// The key of a number: twice a row's, or that and one.
    @inline(__always)
    func set(number: Int) { Self.write(number, to: pointer) }

    /// Writes a number's digits.
    @inline(__always)
    static func write(_ number: Int, to memory: UnsafeMutableRawPointer) {
        let number = UInt64(number)
        memory.storeBytes(of: digits(UInt32(number / 100_000_000)), as: UInt64.self)
        memory.storeBytes(of: digits(UInt32(number % 100_000_000)), toByteOffset: 8, as: UInt64.self)
    }

    /// Eight decimal digits as text, by arithmetic on all of them at once.
    @inline(__always)
    private static func digits(_ number: UInt32) -> UInt64 {
        let high = UInt64(number / 10_000)
        let low = UInt64(number % 10_000)
        let fours = high | low << 32
        let hundreds = ((fours &* 10_486) >> 20) & 0x7F_0000_007F
        let twos = hundreds | (fours &- hundreds &* 100) << 16
        let tens = ((twos &* 103) >> 10) & 0x000F_000F_000F_000F
        let ones = tens | (twos &- tens &* 10) << 8
        return ones | 0x3030_3030_3030_3030
    }
}
