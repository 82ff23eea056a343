import CommandSupport

/// Collects what was checked: prints each finding as a line, remembers whether all held.
final class Checks {
    private(set) var failures = 0

    /// Says whether something held.
    func expect(_ holds: Bool, _ text: String) {
        if !holds { failures += 1 }
        print(holds ? "  ok      \(text)" : "  FAILED  \(text)")
    }

    var allHeld: Bool { failures == 0 }
}

extension Int {
    /// `27,004`.
    var grouped: String {
        var digits = String(magnitude)
        var groups: [String] = []
        while digits.count > 3 {
            groups.insert(String(digits.suffix(3)), at: 0)
            digits.removeLast(3)
        }
        return (self < 0 ? "-" : "") + ([digits] + groups).joined(separator: ",")
    }
}

extension RawSpan {
    /// A copy of the bytes.
    var array: [UInt8] { unsafe withUnsafeBytes { unsafe Array($0) } }
}
