import ArgumentParser
import CommandSupport
import GodwitServer

/// Which node a command talks to, and how its answer is shown.
struct NodeArguments: ParsableArguments {
    @Option(help: ArgumentHelp("The node's HTTP address, as its `ready` line says.", valueName: "host:port"))
    var admin: String

    @OptionGroup var access: NodeAccess

    @Flag(help: "Print the node's answer as JSON.") var json = false

    /// Talks to the node.
    func client() throws -> NodeClient { try access.client(of: admin) }

    /// Prints a node's answer: the JSON as it came, or as lines for people.
    func show(_ answer: [UInt8], _ lines: ([UInt8]) throws -> String) throws {
        let output = StandardOutput()
        try output.write(json ? String(decoding: answer, as: UTF8.self) : lines(answer))
        try output.flush()
    }
}
