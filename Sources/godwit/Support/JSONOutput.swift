import CommandSupport
import FoundationEssentials

extension StandardOutput {
    /// Writes a value as JSON, indented, members in alphabetical order, and a line end.
    func writeJSON(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try write(encoder.encode(value))
        try write("\n")
    }
}
