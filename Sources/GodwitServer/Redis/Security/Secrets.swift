/// Which arguments of a command nobody is shown: passwords, and what leads to them.
enum Secrets {
    /// The places of those among the arguments.
    static func places(in arguments: Arguments, of command: Command) -> Set<Int> {
        guard command.flags.contains(.hidesArguments) else { return [] }
        switch command.name {
        case "hello": return inHello(arguments)
        case "config|set": return inConfigSet(arguments)
        case "acl|setuser": return Set(2..<max(2, arguments.count))
        // AUTH, whose arguments are secret even where they are too many.
        default: return Set(1..<max(1, arguments.count))
        }
    }

    /// The name and the password behind each AUTH, wherever that stands.
    private static func inHello(_ arguments: Arguments) -> Set<Int> {
        Set((1..<arguments.count).filter { arguments[$0].isWord("AUTH") }.flatMap { [$0 + 1, $0 + 2] })
    }

    /// The value of each setting that is secret.
    private static func inConfigSet(_ arguments: Arguments) -> Set<Int> {
        Set(
            stride(from: 2, to: arguments.count, by: 2).filter { arguments[$0].isWord("REQUIREPASS") }.map { $0 + 1 })
    }
}
