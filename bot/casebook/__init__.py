"""What citizens leave behind: pledges, verification requests, demand reports, and what staff do with them."""
