//! Makes the `Command` enum, its dispatch and the groups of the help from one list of verbs.

/// `"verb" => Variant(module)`, by group; `module` holds `Args` and `run`.
macro_rules! verbs {
    ($( $group:literal { $( $name:literal => $variant:ident($module:ident) ),* $(,)? } )*) => {
        #[derive(Debug, clap::Subcommand)]
        enum Command {
            $($( #[command(name = $name)] $variant(Box<$module::Args>), )*)*
        }

        impl Command {
            fn run(&self, ctx: &Context) -> Result<Exit, CliError> {
                match self {
                    $($( Self::$variant(args) => $module::run(args, ctx), )*)*
                }
            }
        }

        /// One verb as `clap` describes it: describing all of them takes longer than most verbs run.
        fn described(verb: &str) -> Option<clap::Command> {
            match verb {
                $($( $name => {
                    Some(<$module::Args as clap::Args>::augment_args(clap::Command::new($name)))
                } )*)*
                _ => None,
            }
        }

        /// The verbs in the order and under the headings in which the help shows them.
        const GROUPS: &[(&str, &[&str])] = &[ $( ($group, &[ $( $name ),* ]) ),* ];
    };
}

pub(super) use verbs;
