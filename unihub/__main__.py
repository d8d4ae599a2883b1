from unihub.cli import main

main()
