import ArgumentParser
import CommandSupport
import FoundationEssentials
import GodwitReplication
import GodwitServer

struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows a node's role, links, lag, slots and recovered tails.",
        discussion: """
            Examples:
              godwit status --admin 127.0.0.1:7401
              godwit status --admin 127.0.0.1:7401 --json
              godwit status --admin 127.0.0.1:7401 --batches
            """
    )

    @OptionGroup var node: NodeArguments
    @Flag(help: "List instead what became of the writes of recovered tails, batch by batch.") var batches = false

    func run() async throws {
        let client = try node.client()
        if batches { return try node.show(try await client.json("GET", "/v1/recovery"), StatusText.batches) }
        try node.show(try await client.json("GET", "/v1/status"), StatusText.status)
    }
}

struct Promote: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Makes a follower the primary: it begins a new epoch and takes writes.",
        discussion: """
            Refused when another node is known to be further: promote that one, or say --allow-data-loss. The old \
            primary, if it still runs, is fenced off as soon as it hears of the new epoch.

            Examples:
              godwit promote --admin 127.0.0.1:7411
              godwit promote --admin 127.0.0.1:7411 --allow-data-loss
            """
    )

    @OptionGroup var node: NodeArguments
    @Flag(help: "Promote though another node is further.") var allowDataLoss = false

    func run() async throws {
        let client = try node.client()
        try show(epoch: try await client.promote(allowDataLoss: allowDataLoss))
    }

    private func show(epoch: String) throws {
        let output = StandardOutput()
        try output.write(node.json ? "{\"epoch\":\"\(epoch)\"}\n" : "promoted: epoch \(epoch)\n")
        try output.flush()
    }
}

struct Switchover: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Hands the primary's role to a follower without losing a write.",
        discussion: """
            Say it to the primary. Writes pause, the follower catches up, roles change, the old primary follows. Past \
            the limit it is aborted and the primary is what it was.

            Exit status: 0 done, 1 aborted, 2 any error or doubt.

            Examples:
              godwit switchover --admin 127.0.0.1:7401 --to eu-west
              godwit switchover --admin 127.0.0.1:7401 --to eu-west --limit 3s
            """
    )

    @OptionGroup var node: NodeArguments
    @Option(help: ArgumentHelp("The follower's region, or its node id.", valueName: "name")) var to: String
    @Option(help: ArgumentHelp("How long it may take (10s).", valueName: "duration")) var limit = "10s"

    func run() async throws {
        guard DurationText.parse(limit) != nil else {
            throw ValidationError("`\(limit)` of --limit should be a duration such as 3s")
        }
        let outcome = try await node.client().switchover(to: to, limit: limit)
        let output = StandardOutput()
        try output.write(node.json ? "{\"outcome\":\"\(outcome.rawValue)\"}\n" : "switchover: \(outcome.rawValue)\n")
        try output.flush()
        switch outcome {
        case .done: return
        case .aborted: throw ExitCode.absent
        case .inDoubt: throw ExitCode.failed
        }
    }
}

struct Rejoin: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Makes an old primary follow the new one.",
        discussion: """
            What only the old primary had is set aside, sent to the new primary to be classified, and rewound; then it \
            follows. `godwit status --batches` shows what became of each write.

            Examples:
              godwit rejoin --admin 127.0.0.1:7401 --leader 127.0.0.1:7410
            """
    )

    @OptionGroup var node: NodeArguments
    @Option(help: ArgumentHelp("The new primary's replication address.", valueName: "host:port")) var leader: String

    func run() async throws {
        try await node.client().rejoin(leader)
        let output = StandardOutput()
        try output.write(node.json ? "{\"leader\":\"\(leader)\"}\n" : "following \(leader)\n")
        try output.flush()
    }
}

struct Forget: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Forgets a node that will not come back: no log is kept for it any more.",
        discussion: """
            Said to the primary. Refused while the node follows it. A node that comes back all the same is as any other \
            follower: it goes on where the log reaches back, and takes a full copy where it does not.

            Examples:
              godwit forget --admin 127.0.0.1:7401 --node eu-west
            """
    )

    @OptionGroup var node: NodeArguments
    @Option(
        name: .customLong("node"),
        help: ArgumentHelp("The region of its slot, or its node id, as `status` lists them.", valueName: "name"))
    var name: String

    func run() async throws {
        try await node.client().forget(name)
        let output = StandardOutput()
        try output.write(node.json ? "{\"forgotten\":\"\(name)\"}\n" : "forgotten: \(name)\n")
        try output.flush()
    }
}
