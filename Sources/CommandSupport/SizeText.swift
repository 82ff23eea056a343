/// A number of bytes as people write it: `512`, `64KiB`, `256MiB`, `4GiB`.
package enum SizeText {
    /// Reads a size; nil for any other text.
    package static func parse(_ text: some StringProtocol) -> Int? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let count = Int(digits), count < 1 << 32 else { return nil }
        switch text.dropFirst(digits.count) {
        case "": return count
        case "KiB": return count << 10
        case "MiB": return count << 20
        case "GiB": return count << 30
        default: return nil
        }
    }
}
