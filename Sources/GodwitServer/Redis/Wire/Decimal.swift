internal import Glibc

/// Numbers as Redis reads and writes them.
enum Decimal {
    /// A signed 64-bit number: digits only, no plus, no space, no leading zero; nil for anything else.
    @inline(__always)
    static func parse(_ text: ByteSlice) -> Int? {
        let count = text.count
        guard count > 0, count <= 20 else { return nil }
        var index = 0
        let isNegative = text[0] == UInt8(ascii: "-")
        if isNegative {
            index = 1
            if count == 1 { return nil }
        }
        let first = text[index] &- UInt8(ascii: "0")
        if first == 0 { return count == 1 ? 0 : nil }
        guard first <= 9 else { return nil }
        var value = UInt(first)
        index &+= 1
        while index < count {
            let digit = text[index] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt(digit))
            if overflow || carry { return nil }
            value = sum
            index &+= 1
        }
        if isNegative {
            guard value <= UInt(Int.max) + 1 else { return nil }
            return value == UInt(Int.max) + 1 ? Int.min : -Int(value)
        }
        return value <= UInt(Int.max) ? Int(value) : nil
    }

    #if arch(x86_64)
        /// What increments by fractions are computed in.
        typealias Long = Float80
    #else
        /// What increments by fractions are computed in.
        typealias Long = Double
    #endif

    /// A floating-point number as C reads it, the whole text; nil for anything else, and for no number.
    static func parseLong(_ text: ByteSlice) -> Long? {
        guard text.count > 0, text.count < 5120, !InlineWords.isSpace(text[0]) else { return nil }
        var bytes = text.array.map { CChar(bitPattern: $0) }
        if bytes.contains(0) { return nil }
        bytes.append(0)
        #if arch(x86_64)
            let (value, used) = unsafe bytes.withUnsafeBufferPointer { buffer -> (Long, Int) in
                var end: UnsafeMutablePointer<CChar>?
                errno = 0
                let value = unsafe strtold(buffer.baseAddress!, &end)
                return unsafe (value, end.map { unsafe $0 - UnsafeMutablePointer(mutating: buffer.baseAddress!) } ?? 0)
            }
        #else
            let (value, used) = unsafe bytes.withUnsafeBufferPointer { buffer -> (Long, Int) in
                var end: UnsafeMutablePointer<CChar>?
                errno = 0
                let value = unsafe strtod(buffer.baseAddress!, &end)
                return unsafe (value, end.map { unsafe $0 - UnsafeMutablePointer(mutating: buffer.baseAddress!) } ?? 0)
            }
        #endif
        guard used == text.count, !value.isNaN else { return nil }
        if errno == ERANGE, value.isInfinite || value == 0 { return nil }
        return value
    }

    /// The number with at most 17 digits behind the point, none of them a trailing zero.
    static func text(_ value: Long) -> String {
        var buffer = [CChar](repeating: 0, count: 5120)
        #if arch(x86_64)
            let format = "%.17Lf"
        #else
            let format = "%.17f"
        #endif
        let length = unsafe withVaList([value]) { list in
            unsafe Int(vsnprintf(&buffer, 5120, format, list))
        }
        var bytes = buffer[..<max(0, length)].map { UInt8(bitPattern: $0) }
        if bytes.contains(UInt8(ascii: ".")) {
            while bytes.last == UInt8(ascii: "0") { bytes.removeLast() }
            if bytes.last == UInt8(ascii: ".") { bytes.removeLast() }
        }
        return bytes == Array("-0".utf8) ? "0" : String(decoding: bytes, as: UTF8.self)
    }
}
