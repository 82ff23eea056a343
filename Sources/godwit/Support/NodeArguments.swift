import ArgumentParser
import CommandSupport
import FoundationEssentials
import GodwitNode
import GodwitServer

/// Which node a command talks to, and what it says to be let in.
struct NodeArguments: ParsableArguments {
    @Option(help: ArgumentHelp("The node's HTTP address, as its `ready` line says.", valueName: "host:port"))
    var admin: String

    @Option(help: ArgumentHelp("Holds the node's bearer token; else GODWIT_TOKEN.", valueName: "file"))
    var tokenFile: String?

    @Flag(help: "Print the node's answer as JSON.") var json = false

    /// Talks to the node.
    func client() throws -> NodeClient {
        guard let address = HostPort(admin) else {
            throw CommandFailure("`\(admin)` of --admin should be HOST:PORT, such as 127.0.0.1:7401")
        }
        return NodeClient(address, token: try token())
    }

    private func token() throws -> String? {
        guard let tokenFile else { return ProcessInfo.processInfo.environment["GODWIT_TOKEN"] }
        guard let bytes = try? Data(contentsOf: URL(filePath: tokenFile)),
            let text = String(bytes: bytes, encoding: .utf8)
        else { throw CommandFailure("the file \(tokenFile) of --token-file cannot be read") }
        return text.split(whereSeparator: \.isWhitespace).first.map(String.init)
    }

    /// Prints a node's answer: the JSON as it came, or as lines for people.
    func show(_ answer: [UInt8], _ lines: ([UInt8]) throws -> String) throws {
        let output = StandardOutput()
        try output.write(json ? String(decoding: answer, as: UTF8.self) : lines(answer))
        try output.flush()
    }
}
