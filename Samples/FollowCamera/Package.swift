// swift-tools-version: 6.1
import PackageDescription

let package = Package(
    name: "FollowCamera",
    dependencies: [
        // In a package of your own, where the sources of TokenReel lie.
        .package(name: "tokenreel", path: "../..")
    ],
    targets: [
        .executableTarget(name: "FollowCamera", dependencies: [.product(name: "TokenReel", package: "tokenreel")])
    ],
    swiftLanguageModes: [.v6]
)
