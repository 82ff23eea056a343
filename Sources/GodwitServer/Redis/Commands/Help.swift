/// What HELP of a container answers.
enum Help {
    /// Replies with the head line, the lines of the subcommands, and HELP itself.
    static func reply(_ call: Call, _ container: String, _ lines: [String]) {
        let all =
            ["\(container) <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"] + lines
            + ["HELP", "    Prints this help."]
        call.reply.array(all.count)
        for line in all {
            call.reply.bytes.append(UInt8(ascii: "+"))
            call.reply.bytes.append(line)
            call.reply.bytes.append("\r\n" as StaticString)
        }
    }
}
