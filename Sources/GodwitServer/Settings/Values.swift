internal import CommandSupport
internal import FoundationEssentials
internal import GodwitNode

/// Settings as texts, and what they are to be read as.
struct Values {
    private let texts: [String: String]

    init(_ texts: [String: String]) { self.texts = texts }

    /// A setting's text, if it was given.
    subscript(name: String) -> String? { texts[name] }

    /// A setting that must be given.
    func required(_ name: String) throws(NodeError) -> String {
        guard let text = texts[name], !text.isEmpty else {
            let variable = "GODWIT_" + name.uppercased().replacing("-", with: "_")
            throw NodeError(.invalidArgument, "give --\(name), set \(variable), or name it in the configuration file")
        }
        return text
    }

    func address(_ name: String) throws(NodeError) -> HostPort? {
        try read(name, "HOST:PORT, such as 127.0.0.1:7400", HostPort.init)
    }

    func milliseconds(_ name: String) throws(NodeError) -> UInt64? {
        try read(name, "a duration such as 500ms, 5s or 2m") { DurationText.parse($0) }
            .map { UInt64($0.components.seconds) * 1000 + UInt64($0.components.attoseconds / 1_000_000_000_000_000) }
    }

    func size(_ name: String) throws(NodeError) -> Int? {
        try read(name, "bytes, such as 512, 64KiB, 256MiB or 4GiB") { SizeText.parse($0) }
    }

    func flag(_ name: String) throws(NodeError) -> Bool { try read(name, "true or false", Bool.init) ?? false }

    func choice<Choice>(_ name: String, _ parse: (String) -> Choice?) throws(NodeError) -> Choice? {
        try read(name, "one of the values that --help names", parse)
    }

    /// What a file that a setting names holds, without the white space around it.
    func secret(_ name: String) throws(NodeError) -> String? {
        guard let path = texts[name] else { return nil }
        guard let bytes = try? Data(contentsOf: URL(filePath: path)), let text = String(bytes: bytes, encoding: .utf8)
        else { throw NodeError(.invalidArgument, "the file \(path) of --\(name) cannot be read") }
        let words = text.split(whereSeparator: \.isWhitespace)
        guard words.count <= 1 else {
            throw NodeError(.invalidArgument, "the file \(path) of --\(name) has white space within: it holds one word")
        }
        let secret = words.first.map(String.init) ?? ""
        guard secret.utf8.count >= 16 else {
            throw NodeError(.invalidArgument, "the token in \(path) is shorter than 16 characters; make a longer one")
        }
        return secret
    }

    private func read<Value>(
        _ name: String, _ expected: String, _ parse: (String) -> Value?
    ) throws(NodeError) -> Value? {
        guard let text = texts[name] else { return nil }
        guard let value = parse(text) else {
            throw NodeError(.invalidArgument, "`\(text)` of --\(name) should be \(expected)")
        }
        return value
    }
}
